// Shared by the tests: apps that close after their test, and clients that collect what they receive.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
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

  static async open(url) {
    const client = new Client(url)
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
