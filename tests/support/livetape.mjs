// Starts livetape processes for the JavaScript tests, each on a free port in its own folder, and breaks connections to them.

import { execFile, spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Timeout for a start, in ms; long, because the machine may be busy. */
const START_MS = 30_000
/** Recordings in every new folder, as `recordings/NAME.bin`. */
const RECORDINGS = ['short', 'gifts']
/** The environment without our own variables and the user's folders, which would change the server's settings. */
const ENV = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(LIVETAPE|XDG)_/.test(name))), HOME: os.tmpdir() }

/** Lets pages from disk read the feed of every server that starts after this call. */
export const letPagesFromDisk = () => (ENV.LIVETAPE_ORIGINS = 'null')

const here = (address) => fileURLToPath(new URL(`../../${address}`, import.meta.url))
export const LIVETAPE = path.resolve(process.env.LIVETAPE ?? here('target/debug/livetape'))
export const recording = (name) => here(`recordings/${name}.bin`)
export const scenario = (name) => here(`fixtures/scenarios/${name}.toml`)

/** How Chromium starts. CI runs as root in a container, where its sandbox does not start. */
export const chromiumWith = (...flags) => ({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', ...flags] })

const TYPES = { '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.png': 'image/png', '.svg': 'image/svg+xml' }

/** Serves a folder to pages on a free port. */
export async function serveFolder(folder) {
  const server = createServer(async ({ url }, response) => {
    const file = path.join(folder, path.normalize(new URL(url, 'http://localhost').pathname))
    const body = await readFile(file).catch(() => undefined)
    response.writeHead(body ? 200 : 404, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' }).end(body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

/** Returns the events of a recording, decoded without a server. */
export async function eventsOf(name, ...args) {
  const { stdout } = await promisify(execFile)(LIVETAPE, ['events', recording(name), ...args], { maxBuffer: 64 << 20 })
  return stdout.trim().split('\n').map((line) => JSON.parse(line))
}

/** Creates a folder for a server, with each `recordings/NAME.bin` that `args` mention. */
async function makeFolder(args) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-test-'))
  await mkdir(path.join(folder, 'recordings'))
  const asked = args.map((arg) => /^recordings\/(\w+)\.bin$/.exec(arg)?.[1]).filter(Boolean)
  for (const name of new Set([...RECORDINGS, ...asked])) await copyFile(recording(name), path.join(folder, 'recordings', `${name}.bin`))
  return folder
}

/** Starts a server. Without `cwd` it gets a temporary folder, which `stop` deletes. */
export async function start(livetape, args, { env = {}, cwd } = {}) {
  const folder = cwd ?? (await makeFolder(args))
  const child = spawn(livetape, args, { cwd: folder, env: { ...ENV, NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)).on('error', ({ message }) => resolve(message)))
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal)
    const code = await ended
    if (!cwd) await rm(folder, { recursive: true, force: true })
    return code
  }
  let timer
  const listens = new Promise((resolve, reject) => {
    const fail = (what) => reject(new Error(`livetape ${args.join(' ')} ${what}:\n${said}`))
    const read = (chunk) => {
      said += chunk
      const [url] = /https?:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d+/.exec(said) ?? []
      if (url) resolve(url)
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    void ended.then((code) => fail(`ended with ${code}`))
    timer = setTimeout(fail, START_MS, 'does not start')
  })
  try {
    const url = await listens.finally(() => clearTimeout(timer))
    const isRunning = () => child.exitCode === null && child.signalCode === null
    return { url, ws: url.replace('http', 'ws'), port: Number(new URL(url).port), pid: child.pid, cwd: folder, ended, isRunning, stop, said: () => said }
  } catch (error) {
    await stop('SIGKILL')
    throw error
  }
}

/** Runs `use` while `livetape …args` is running. */
export async function withServer(livetape, args, use, options) {
  const server = await start(livetape, args, options)
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}

/** Requests JSON from a server. */
export async function ask(url, address, init) {
  const response = await fetch(new URL(address, url), init)
  return response.json()
}

/** Waits until `probe` returns a truthy value, and returns it. `what` is for the error: a text, or a function that returns it then. */
export async function until(what, probe, ms = 15_000, every = 20) {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await probe()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what.call ? what() : what}`)
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

/**
 * Forwards bytes to the server that `target` returns, and can break all connections without a closing handshake. With
 * `bytes`, each breaks after as many as it returns from the server: how many breaks there are does not depend on the machine.
 */
export async function proxy(target, { bytes = () => Infinity } = {}) {
  const pairs = new Set()
  const server = net.createServer((near) => {
    const far = net.connect(target(), '127.0.0.1')
    const pair = { near, far, isHalf: false }
    pairs.add(pair)
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => undefined)
      one.on('close', () => {
        if (pair.isHalf && one === near) return
        other.destroy()
        pairs.delete(pair)
      })
    }
    near.pipe(far, { end: false })
    let left = bytes()
    far.on('data', (data) => {
      const part = data.subarray(0, left)
      left -= part.length
      if (left > 0 && near.write(part)) return
      far.pause()
      if (left > 0) near.once('drain', () => far.resume())
      // What was sent before the break arrives.
      else near.end(part, () => near.destroy())
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const cut = () => pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.resetAndDestroy()))
  /** Breaks connections as if a cable were pulled: the server does not notice. */
  const halve = () => pairs.forEach((pair) => ((pair.isHalf = true), pair.near.resetAndDestroy()))
  return {
    ws: `ws://127.0.0.1:${port}`,
    cut,
    halve,
    close: () => (cut(), new Promise((resolve) => server.close(resolve))),
  }
}

/** Waits for the client's next event of a name and returns its arguments. */
export const once = (client, name) => new Promise((resolve) => client.once(name, (...args) => resolve(args)))
