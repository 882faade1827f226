// Nothing grows: neither with clients that send without pause, nor with handlers that block or never return, nor with clients that do not read.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { test } from 'node:test'
import { Client, deferred, start } from './support.mjs'

const MIB = 1 << 20
/** Maximum number of bytes that a socket accepts while its handler does not return: the buffers of the system on both sides. */
const ACCEPTED_MAX = 16 * MIB
/** Maximum growth of the process, in bytes. */
const GROWTH_MAX = 32 * MIB

/** Opens a WebSocket whose bytes the test writes and reads itself. */
async function raw(port, path) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 101 /)
  return socket
}

/** A masked text message of 60,000 bytes. */
const FRAME = Buffer.concat([Buffer.from([0x81, 0xfe, 60_000 >> 8, 60_000 & 255, 0, 0, 0, 0]), Buffer.alloc(60_000, 'x')])

test('a socket is not read while its handler has not returned, however much the client sends', { timeout: 60_000 }, async (t) => {
  let calls = 0
  const { app, port, url } = await start(t, (app) => {
    app.websocket('/stuck', { onMessage: () => (calls += 1, new Promise(() => {})) })
    app.websocket('/echo', { onMessage: (socket, message) => socket.send(message) })
  }, { handlerTimeoutMs: 60_000 })
  const before = process.memoryUsage().rss
  const flooding = await Promise.all(Array.from({ length: 20 }, () => raw(port, '/stuck')))
  const flood = (socket) => {
    while (socket.bytesWritten < 64 * MIB && socket.write(FRAME));
  }
  for (const socket of flooding) socket.on('drain', () => flood(socket)) && flood(socket)
  // Other sockets go on meanwhile.
  const client = await Client.open(url('/echo'))
  for (let i = 0; i < 500; i++) {
    client.say(String(i))
    assert.equal(await client.next(), String(i))
  }
  for (const socket of flooding) {
    const accepted = socket.bytesWritten - socket.writableLength
    assert.ok(accepted > 0 && accepted < ACCEPTED_MAX, `${accepted} bytes`)
  }
  assert.equal(calls, flooding.length)
  const growth = process.memoryUsage().rss - before
  assert.ok(growth < GROWTH_MAX, `the process grew by ${growth} bytes`)
  for (const socket of flooding) socket.destroy()
  assert.equal(app.getStats().unansweredEvents, 0)
})

/** Opens sockets that send messages when told to, and reports their close codes and the growth of the process. */
const CLIENTS = `
  const { once } = require('node:events')
  const { parentPort, workerData: { url, count, messages, shared } } = require('node:worker_threads')
  const { WebSocket } = require('ws')
  const codes = []
  const sockets = Array.from({ length: count }, () => new WebSocket(url))
  const open = Promise.all(sockets.map((socket) => once(socket, 'open')))
  parentPort.once('message', async () => {
    await open
    const before = process.memoryUsage().rss
    for (const socket of sockets) {
      for (let i = 0; i < messages; i++) socket.send('x'.repeat(1000))
      socket.on('error', () => {})
      socket.on('close', (code) => {
        if (codes.push(code) < count) return
        parentPort.postMessage({ codes, growth: process.memoryUsage().rss - before })
        Atomics.store(shared, 0, 1)
        Atomics.notify(shared, 0)
      })
    }
  })
`

test('sockets whose events find no place while a handler blocks are closed with 4101', { timeout: 60_000 }, async (t) => {
  const count = 50
  const shared = new Int32Array(new SharedArrayBuffer(4))
  let opened = 0
  const [closes, errors] = [[], []]
  const [connected, over] = [deferred(), deferred()]
  const { app, url } = await start(t, (app) =>
    app.websocket('/chat', {
      onConnect: () => void ((opened += 1) === count && connected.resolve()),
      // Blocks until the clients have seen the end.
      onMessage: () => void Atomics.wait(shared, 0, 0, 50_000),
      onError: (_, error) => void errors.push(error.code),
      onClose: (_, code) => void (closes.push(code) === count && over.resolve()),
    }), { maxQueuedEvents: 8, handlerTimeoutMs: 100 })
  const worker = new Worker(CLIENTS, { eval: true, workerData: { url: url('/chat'), count, messages: 500, shared } })
  t.after(() => worker.terminate())
  await connected.promise
  worker.postMessage('go')
  const [{ codes, growth }] = await once(worker, 'message')
  await over.promise
  assert.deepEqual([codes, closes, errors], [Array(count).fill(4101), Array(count).fill(4101), Array(count).fill('slow_consumer')])
  assert.deepEqual(app.getConnections(), [])
  assert.ok(growth < GROWTH_MAX, `the process grew by ${growth} bytes`)
})

test('a client that does not read is closed with 4101, and others receive everything', { timeout: 60_000 }, async (t) => {
  const over = deferred()
  const { app, port, url } = await start(t, (app) => app.websocket('/chat', { onClose: (_, code) => over.resolve(code) }))
  const stalled = await raw(port, '/chat')
  stalled.pause()
  const client = await Client.open(url('/chat'))
  const before = process.memoryUsage().rss
  let sent = 0
  const message = 'x'.repeat(60_000)
  let code
  void over.promise.then((it) => (code = it))
  while (code === undefined) {
    await app.broadcast(message)
    sent += 1
    assert.equal((await client.next()).length, message.length)
  }
  assert.equal(code, 4101)
  assert.ok(sent * message.length < ACCEPTED_MAX, `${sent} messages`)
  const growth = process.memoryUsage().rss - before
  assert.ok(growth < GROWTH_MAX, `the process grew by ${growth} bytes`)
  stalled.destroy()
})
