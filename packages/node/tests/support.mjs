// Shared by the tests: apps that close after their test, and clients that collect what they receive.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { createApp } from '@livetape/node'

/** Starts an app that closes with its test. Failures of handlers are collected in `failures`. */
export async function start(test, setUp = () => {}, options = {}) {
  const failures = []
  const app = createApp({ log: (error) => failures.push(error), ...options })
  setUp(app)
  const { port } = await app.listen()
  test.after(() => app.close())
  return { app, port, failures, url: (path) => `ws://127.0.0.1:${port}${path}` }
}

/** A plain `ws` client. */
export class Client {
  #received = []
  #waiting = []

  constructor(url, options) {
    this.socket = new WebSocket(url, options)
    this.socket.on('message', (data, isBinary) => this.#take(isBinary ? data : String(data)))
    this.closed = new Promise((resolve) => this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
    this.open = new Promise((resolve, reject) => this.socket.on('open', resolve).on('error', reject))
    this.open.catch(() => {})
  }

  static async open(url, options) {
    const client = new Client(url, options)
    await client.open
    return client
  }

  #take(message) {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(message)
    else this.#received.push(message)
  }

  /** Returns the next message. */
  next() {
    if (this.#received.length > 0) return Promise.resolve(this.#received.shift())
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async json() {
    return JSON.parse(await this.next())
  }

  say(message) {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }

  /** Joins a room and waits for the answer. */
  async join(room_id) {
    this.say({ type: 'join_room', room_id })
    return this.json()
  }
}

/** Starts an app with the path `/chat`, and connects a client to it. Returns both ends of their socket. */
export async function meet(test, handlers = {}, { query = '', headers, ...options } = {}) {
  const connected = deferred()
  const started = await start(test, (app) => app.websocket('/chat', { ...handlers, onConnect: (socket) => (connected.resolve(socket), handlers.onConnect?.(socket)) }), options)
  const client = new Client(started.url(`/chat${query}`), { headers })
  await client.open
  return { ...started, client, socket: await connected.promise }
}

/** Opens a WebSocket whose bytes the test writes and reads itself. */
export async function raw(port, path) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 101 /)
  return socket
}

/** The client for browsers and Node, from its committed build. */
export const { createWebSocketClient, RNodeWebSocketClient } = new Function('WebSocket', `${readFileSync(new URL('../../../examples/livetape-client.js', import.meta.url))}; return Livetape`)(WebSocket)

/** Waits until the app knows so many sockets: an answer can reach a client in this process before its `onConnect` is called. */
export async function connected(app, count) {
  while (app.getConnections().length < count) await new Promise(setImmediate)
}

/** A promise with its functions. */
export function deferred() {
  let resolve, reject
  const promise = new Promise((...functions) => ([resolve, reject] = functions))
  return { promise, resolve, reject }
}

/** Runs a script in another process; `log` collects its output. */
export function run(script) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', `import { createApp, MockTikTok } from '@livetape/node'\nimport { WebSocket } from 'ws'\n${script}`], { cwd: import.meta.dirname ?? new URL('.', import.meta.url).pathname })
  const log = []
  child.stdout.on('data', (data) => log.push(String(data)))
  child.stderr.on('data', (data) => log.push(String(data)))
  return { child, log, exited: new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, text: log.join('') }))) }
}
