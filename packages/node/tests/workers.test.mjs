// Apps in worker threads: a worker that ends, in whatever way, takes its servers with it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Client, run } from './support.mjs'

/** An app with a replay, a loop over its events and a pending order; ends as `workerData` says. */
const WORKER = `
  const { parentPort, workerData: end } = require('node:worker_threads')
  const { createApp } = require(${JSON.stringify(createRequire(import.meta.url).resolve('@livetape/node'))})
  void (async () => {
    const app = createApp({ replay: 'demo' })
    app.websocket('/chat', { onMessage: () => new Promise(() => {}) })
    const { port } = await app.listen()
    void (async () => { for await (const event of app.events()); })()
    void app.events().next()
    parentPort.once('message', () => {
      if (end === 'throw') throw new Error('the worker failed')
      process.exit(3)
    })
    parentPort.postMessage(port)
  })()
`

for (const end of ['terminate', 'exit', 'throw']) {
  test(`the server of a worker closes with it: ${end}`, { timeout: 30_000 }, async () => {
    const worker = new Worker(WORKER, { eval: true, workerData: end })
    worker.on('error', () => {})
    const [port] = await once(worker, 'message')
    const client = await Client.open(`ws://127.0.0.1:${port}/chat`)
    client.say('x')
    const exited = new Promise((resolve) => worker.once('exit', resolve))
    if (end === 'terminate') void worker.terminate()
    else worker.postMessage('end')
    await exited
    assert.equal((await client.closed).code, 1001)
    // It is closed once the sockets are.
    while (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined));
  })
}

test('workers that end at the same time do not damage memory', { timeout: 120_000 }, async () => {
  const { exited } = run(`
    import { Worker } from 'node:worker_threads'
    for (let round = 0; round < 4; round++) {
      const workers = Array.from({ length: 4 }, () => new Worker(${JSON.stringify(WORKER)}, { eval: true, execArgv: [] }))
      const exits = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
      await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
      for (const worker of workers) void worker.terminate()
      await Promise.all(exits)
    }
    console.log('end')
  `)
  assert.deepEqual(await exited, { code: 0, signal: null, text: 'end\n' })
})
