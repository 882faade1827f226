// Shared by all checks: a page that connects to the mock, and calls of livetape.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import path from 'node:path'
import { promisify } from 'node:util'

import { until as wait } from '../support/livetape.mjs'

const root = path.join(import.meta.dirname, '../..')
const run = promisify(execFile)
/** Timeout of each step, in ms. */
const STEP_MS_MAX = 30_000
const POLL_MS = 50
/** Event types that depend on the time and place of the capture. */
const STATES = new Set(['connection_created', 'connection_closed', 'disconnected', 'error'])
export const SOCKET_PATH = '/webcast/im/ws_proxy/ws_reuse_supplement/'

/** Runs livetape and returns its output and exit code. */
export async function livetape(program, args) {
  try {
    const { stdout, stderr } = await run(program, args, { cwd: root, maxBuffer: 256 << 20 })
    return { code: 0, stdout, stderr }
  } catch (error) {
    if (typeof error.code !== 'number') throw error
    return { code: error.code, stdout: error.stdout, stderr: error.stderr }
  }
}

/** Returns the events of a recording without anything that depends on the time and place of the capture. */
export async function events(program, recording) {
  const { stdout } = await livetape(program, ['events', recording])
  return comparable(stdout.trim().split('\n').map((line) => JSON.parse(line)))
}

/** Returns these events without anything that depends on the time and place of the capture, and on whether they are replayed. */
export function comparable(all) {
  return all.filter(({ type }) => !STATES.has(type)).map(({ ts, seq, stream, username, replay, ...event }) => {
    // Events without a timestamp have the time of the capture.
    const own = (value) => (value === ts ? null : value)
    const data = { ...event.data, timestamp: own(event.data.timestamp) }
    return JSON.stringify({ ...event, timestamp: own(event.timestamp), data })
  })
}

/** Compares all events of two recordings. */
export async function assertSame(program, recording, played) {
  const [ours, theirs] = [await events(program, recording), await events(program, played)]
  assert.ok(theirs.length > 100, `${theirs.length} events were played`)
  theirs.forEach((event, at) => assert.equal(ours[at], event, `event ${at} of ${recording}`))
  assert.equal(ours.length, theirs.length)
  return `${ours.length} events`
}

/** Returns a summary of a recording. */
export async function info(program, recording) {
  const { code, stdout } = await livetape(program, ['info', recording, '--json'])
  // 3: the recording is still being written, so it is not sealed.
  return code === 0 || code === 3 ? JSON.parse(stdout) : undefined
}

/** Returns the room ID of a user. */
export async function roomOf(base, user) {
  const response = await fetch(`${base}/api-live/user/room/?aid=1988&uniqueId=${user}`)
  return (await response.json()).data.user.roomId
}

/** Waits for a condition, or fails. */
export const until = (what, probe) => wait(what, probe, STEP_MS_MAX, POLL_MS)

/** Starts a program and collects its output. */
export function start(program, args, options = {}) {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options })
  const lines = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => lines.push(line))
  }
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal)
  const line = async (part) => {
    await until(() => `${part} of ${program}:\n${lines.join('\n')}`, () => {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}:\n${lines.join('\n')}`)
      return lines.some((line) => line.includes(part))
    })
    return lines.find((line) => line.includes(part))
  }
  const end = async (signal) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STEP_MS_MAX)
    return ended.finally(() => clearTimeout(timer))
  }
  return { child, lines, line, end, ended }
}

/** Runs in a page or a worker: opens a socket, sends a heartbeat and resolves after `frames` frames. */
function talk(url, frames) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    let seen = 0
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => socket.send(new Uint8Array([0x3a, 2, 0x68, 0x62]))
    socket.onerror = () => reject(new Error('the socket failed'))
    socket.onmessage = () => {
      seen += 1
      // The extra frame is the answer to the heartbeat.
      if (seen > frames) resolve(socket)
    }
  })
}

/**
 * Serves the page of a LIVE. After `go` it requests the room and connects to the mock, in a worker if wanted; `isDone` resolves when it has
 * received all frames. After `hold`, pages wait for `go` again.
 */
export async function withSite({ socketUrl, frames, inWorker = false }, act) {
  let go
  let going
  const hold = () => (going = new Promise((resolve) => (go = resolve)))
  hold()
  let done
  const isDone = new Promise((resolve, reject) => {
    done = resolve
    setTimeout(() => reject(new Error('the page was not done in time')), STEP_MS_MAX).unref()
  })
  isDone.catch(() => {})
  const talking = `(${talk})(${JSON.stringify(socketUrl)}, ${frames})`
  const worker = `${talking}.then(() => postMessage('done'))`
  const inPage = inWorker
    ? `new Promise((resolve) => { new Worker('/worker.js').onmessage = resolve })`
    : `${talking}.then((socket) => { window.socket = socket })`
  const page = `<!doctype html><title>LIVE</title><script>
    fetch('/go').then(() => fetch('/webcast/room/info/?room_id=7&msToken=planted')).then((answer) => answer.text())
      .then(() => ${inPage}).then(() => fetch('/done'))
  </script>`
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://site')
    const send = (type, body) => response.writeHead(200, { 'content-type': type, 'set-cookie': 'ttwid=planted' }).end(body)
    if (pathname === '/@site_host/live') return send('text/html', page)
    if (pathname === '/worker.js') return send('text/javascript', worker)
    if (pathname === '/webcast/room/info/') return send('application/json', '{"data":{"status":2}}')
    if (pathname === '/go') await going
    if (pathname === '/done') done()
    send('text/plain', '')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await act({ url: `http://127.0.0.1:${server.address().port}/@site_host/live`, hold, go: () => go(), isDone })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}
