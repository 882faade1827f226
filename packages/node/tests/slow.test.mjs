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
