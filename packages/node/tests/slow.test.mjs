// JavaScript that is slower than its clients.

import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { test } from 'node:test'
import { Client, deferred, start } from './support.mjs'

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
