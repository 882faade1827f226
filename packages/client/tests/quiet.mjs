// Chromium without Playwright, which receives each message of each socket and so costs more CPU than the pages themselves. This only
// sends requests to pages, and otherwise leaves them alone.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import { WebSocket } from 'ws'

import { until } from '../../../tests/support/livetape.mjs'
import { PICTURES } from './pages.mjs'

/** Timeout for a start, in ms; long, because the machine may be busy. */
const START_MS = 30_000
// CI runs as root in a container, where Chromium's sandbox does not start. Both pages stay active though one window covers the other.
const FLAGS = ['--headless', '--no-sandbox', '--disable-dev-shm-usage', '--no-first-run', '--hide-scrollbars', '--mute-audio', '--disable-extensions',
  '--disable-background-networking', '--disable-component-update', '--disable-default-apps', '--disable-sync', '--disable-features=Translate,MediaRouter',
  '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding', '--disable-background-timer-throttling', '--remote-debugging-port=0']

/** Calls over the DevTools socket. */
class Wire {
  #calls = new Map()
  #heard = []

  constructor(socket) {
    this.socket = socket
    socket.on('message', (text) => this.#take(JSON.parse(text)))
    socket.on('close', () => this.#calls.forEach(({ reject }) => reject(new Error('the browser is gone'))))
  }

  call(method, params = {}, sessionId = undefined) {
    const id = this.#calls.size + 1
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.socket.send(JSON.stringify({ id, method, params, sessionId }))
    })
  }

  on(sessionId, method, act) {
    this.#heard.push({ sessionId, method, act })
  }

  #take({ id, result, error, method, params, sessionId }) {
    if (id === undefined) return this.#heard.filter((it) => it.sessionId === sessionId && it.method === method).forEach(({ act }) => act(params))
    const { resolve, reject } = this.#calls.get(id)
    if (error) reject(new Error(error.message))
    else resolve(result)
  }
}

/** Starts a browser, which can open pages, record a trace and close. */
export async function launchQuiet() {
  const profile = await mkdtemp(path.join(os.tmpdir(), 'livetape-quiet-'))
  const child = spawn(process.env.CHROMIUM ?? '/usr/bin/chromium', [...FLAGS, `--user-data-dir=${profile}`], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('close', resolve).on('error', resolve))
  const port = await until('a port of Chromium', () => readFile(path.join(profile, 'DevToolsActivePort'), 'utf8').catch(() => ''), START_MS)
  const [number, address] = port.trim().split('\n')
  const socket = new WebSocket(`ws://127.0.0.1:${number}${address}`, { maxPayload: 512 << 20 })
  await once(socket, 'open')
  const wire = new Wire(socket)
  return {
    open: (url, size) => open(wire, url, size),
    /** Traces every task until told to stop, and returns them. */
    async trace(...includedCategories) {
      const found = []
      wire.on(undefined, 'Tracing.dataCollected', ({ value }) => found.push(...value))
      const complete = new Promise((resolve) => wire.on(undefined, 'Tracing.tracingComplete', resolve))
      await wire.call('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories } })
      return async () => {
        await wire.call('Tracing.end')
        await complete
        return found
      }
    },
    async close() {
      socket.terminate()
      child.kill('SIGKILL')
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Opens a page in its own window and records its errors. */
async function open(wire, url, { width, height }) {
  const { targetId } = await wire.call('Target.createTarget', { url: 'about:blank', newWindow: true, width, height })
  const { sessionId } = await wire.call('Target.attachToTarget', { targetId, flatten: true })
  const call = (method, params) => wire.call(method, params, sessionId)
  const complaints = []
  const contexts = []
  wire.on(sessionId, 'Runtime.executionContextCreated', ({ context }) => context.auxData.isDefault && contexts.push(context))
  wire.on(sessionId, 'Runtime.executionContextDestroyed', ({ executionContextId }) => contexts.splice(contexts.findIndex(({ id }) => id === executionContextId), 1))
  wire.on(sessionId, 'Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }) => complaints.push(`threw ${exception?.description ?? text}`))
  wire.on(sessionId, 'Runtime.consoleAPICalled', ({ type, args }) => ['error', 'warning'].includes(type) && complaints.push(args.map(({ value }) => value).join(' ')))
  wire.on(sessionId, 'Log.entryAdded', ({ entry: { level, text } }) => ['error', 'warning'].includes(level) && complaints.push(text))
  await Promise.all(['Runtime.enable', 'Log.enable', 'Page.enable'].map((method) => call(method)))
  await call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
  await call('Emulation.setFocusEmulationEnabled', { enabled: true })
  const loaded = new Promise((resolve) => wire.on(sessionId, 'Page.loadEventFired', resolve))
  await call('Page.navigate', { url })
  await loaded
  const evaluate = async (run, contextId) => {
    const { result, exceptionDetails } = await call('Runtime.evaluate', { expression: `(${run})()`, contextId, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }
  const { frameTree } = await call('Page.getFrameTree')
  const frames = frameTree.childFrames?.map(({ frame }) => frame.id) ?? []
  return {
    complaints,
    call,
    /** Runs a function in the page and returns its result. */
    evaluate: (run) => evaluate(run),
    /** Runs a function in each frame, in the order of the page. */
    evaluateInFrames: (run) => Promise.all(frames.map((frame) => evaluate(run, contexts.find(({ auxData }) => auxData.frameId === frame).id))),
    async picture(name) {
      const { data } = await call('Page.captureScreenshot')
      await mkdir(PICTURES, { recursive: true })
      await writeFile(path.join(PICTURES, `${name}.png`), Buffer.from(data, 'base64'))
    },
  }
}
