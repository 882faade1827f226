// JavaScript that is slower than its clients. Nothing grows: neither with clients that send without pause, nor with handlers that block or never
// return, nor with clients that do not read, nor with sockets that are closed.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Client, deferred, raw, start } from './support.mjs'

const MIB = 1 << 20
/** Maximum number of bytes that a socket accepts while its handler does not return: the buffers of the system on both sides. */
const ACCEPTED_MAX = 16 * MIB
/** Maximum growth of the process, in bytes. */
const GROWTH_MAX = 32 * MIB

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

test('closed sockets are collected', { timeout: 60_000 }, async () => {
  const script = `
    import { createApp } from '@livetape/node'
    import { WebSocket } from 'ws'
    import { once } from 'node:events'
    const app = createApp()
    const held = []
    let closed = 0
    app.websocket('/chat', { onConnect: (socket) => void held.push(new WeakRef(socket)), onMessage: async () => {}, onClose: () => void (closed += 1) })
    const { port } = await app.listen()
    for (let i = 0; i < 100; i++) {
      const socket = new WebSocket('ws://127.0.0.1:' + port + '/chat')
      await once(socket, 'open')
      socket.send('x')
      socket.close()
      await once(socket, 'close')
    }
    while (closed < 100) await new Promise(setImmediate)
    for (let i = 0; i < 5; i++) { globalThis.gc(); await new Promise((resolve) => setTimeout(resolve, 10)) }
    console.log(held.length, held.filter((it) => it.deref()).length, app.getConnections().length)
    await app.close()
  `
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '--eval', script], { cwd: fileURLToPath(new URL('.', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (data) => (text += data))
  await new Promise((resolve) => child.on('close', resolve))
  const [opened, alive, connected] = text.trim().split(' ').map(Number)
  assert.deepEqual([opened, connected], [100, 0])
  // The last one may still be referenced by the stack.
  assert.ok(alive <= 1, `${alive} of ${opened} sockets were not collected`)
})

test('a slow handler delays its own socket only, and the next message is read after its result', async (t) => {
  const gate = deferred()
  const seen = []
  const { url } = await start(t, (app) =>
    app.websocket('/chat', {
      onMessage: async (socket, message) => {
        seen.push(`${socket.clientId} ${message}`)
        if (message === 'wait') await gate.promise
        else await socket.send(message)
      },
    }), { handlerTimeoutMs: 60_000 })
  const [slow, quick] = [await Client.open(url('/chat?client_id=slow')), await Client.open(url('/chat?client_id=quick'))]
  for (const message of ['wait', 'next']) slow.say(message)
  for (let i = 0; i < 100; i++) {
    quick.say(String(i))
    assert.equal(await quick.next(), String(i))
  }
  assert.equal(seen.filter((it) => it.startsWith('slow')).join(), 'slow wait')
  gate.resolve()
  assert.equal(await slow.next(), 'next')
})

test('messages that were read ahead are handled one after the other, before the close', async (t) => {
  const [seen, over] = [[], deferred()]
  const { url } = await start(t, (app) =>
    app.websocket('/chat', {
      onMessage: async (socket, message) => {
        seen.push(`${message} begins`)
        await new Promise((resolve) => setTimeout(resolve, 5))
        await socket.send(message)
        seen.push(`${message} ends`)
      },
      onBinaryMessage: () => void seen.push('bytes'),
      onClose: (_, code) => over.resolve(code),
    }))
  const client = await Client.open(url('/chat'))
  for (const message of ['a', Buffer.from('x'), 'b']) client.say(message)
  client.socket.close(4000)
  assert.deepEqual([await client.next(), await client.next()], ['a', 'b'])
  assert.equal(await over.promise, 4000)
  assert.deepEqual(seen, ['a begins', 'a ends', 'bytes', 'b begins', 'b ends'])
})

test('messages that wait when the server closes their socket are dropped', async (t) => {
  const [seen, called, over] = [[], deferred(), deferred()]
  const { url } = await start(t, (app) =>
    app.websocket('/chat', {
      onMessage: (socket, message) => (seen.push(message), called.resolve(socket), new Promise(() => {})),
      onClose: (_, code) => over.resolve(code),
    }))
  const client = await Client.open(url('/chat'))
  for (const message of ['a', 'b']) client.say(message)
  await (await called.promise).close(4000)
  assert.equal(await over.promise, 4000)
  assert.deepEqual(seen, ['a'])
})

// The server does not run on the event loop: another thread gets answers while it is blocked.
test('a blocked event loop does not block the server', async (t) => {
  const { port } = await start(t)
  const shared = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(`
    const { workerData } = require('node:worker_threads')
    fetch('http://127.0.0.1:' + workerData.port + '/health').then(({ status }) => {
      Atomics.store(workerData.shared, 0, status)
      Atomics.notify(workerData.shared, 0)
    })
  `, { eval: true, workerData: { port, shared } })
  t.after(() => worker.terminate())
  assert.equal(Atomics.wait(shared, 0, 0, 20_000), 'ok')
  assert.equal(shared[0], 200)
})
