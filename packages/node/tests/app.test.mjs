// Apps: their start and end, both module systems, the process, and worker threads. One that ends, in whatever way, takes its servers with it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import * as esm from '@livetape/node'
import { Client, run, start } from './support.mjs'

const { createApp, LivetapeError } = esm

test('both module systems export the same classes', () => {
  const cjs = createRequire(import.meta.url)('@livetape/node')
  assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort())
  for (const [name, value] of Object.entries(cjs)) assert.equal(esm[name], value, name)
})

test('bad options are reported with a code and a hint', () => {
  for (const options of [{ prot: 1 }, { port: 70000 }, { port: 'x' }, { speed: 'fast' }, { speed: 0 }, { replay: 'demo', live: 'ann' },
    { handlerTimeoutMs: 0 }, { maxMessageBytes: 1e9 }, { upstream: 'nowhere' }, { token: 'short' }]) {
    assert.throws(() => createApp(options), (error) => error instanceof LivetapeError && error.code === 'bad_request', JSON.stringify(options))
  }
  assert.throws(() => createApp({ prot: 1 }), { message: 'the options have an unknown name `prot`', hint: 'did you mean `port`?' })
  assert.throws(() => createApp({ loop: 'yes' }), { message: '`loop` is not a boolean: yes' })
})

test('failures of listen are reported, and another port can be tried', async (t) => {
  const { port } = await start(t)
  const app = createApp()
  await assert.rejects(() => app.listen(port), { code: 'port_in_use', hint: 'choose another port, or 0 for any free port' })
  for (const bad of [-1, 65536, 1.5, '80']) await assert.rejects(() => app.listen(bad), { code: 'bad_request' })
  assert.ok((await app.listen(0)).port > 0)
  await assert.rejects(() => app.listen(0), { code: 'bad_request' })
  await app.close()
  await app.close()
  await assert.rejects(() => app.listen(0), { code: 'shutting_down' })
  await assert.rejects(() => createApp({ host: '0.0.0.0' }).listen(), { code: 'bad_request', hint: /token/ })
  await assert.rejects(() => createApp({ host: 'example.com' }).listen(), { code: 'bad_request' })
  await assert.rejects(() => createApp({ replay: 'no such recording' }).listen(), { code: 'recording_not_found' })
})

test('closing an app closes its sockets with 1001, and only its own', async (t) => {
  const closed = []
  const handlers = { onClose: (socket, code) => void closed.push([socket.clientId, code]) }
  const one = await start(t, (app) => app.websocket('/chat', handlers).websocket('/only-in-one', {}))
  await Client.open(one.url('/only-in-one'))
  const two = await start(t, (app) => app.websocket('/chat', handlers))
  const [ann, bob] = [await Client.open(one.url('/chat?client_id=ann')), await Client.open(two.url('/chat?client_id=ann'))]
  await two.app.broadcast('only to two')
  assert.equal(await bob.next(), 'only to two')
  await one.app.close()
  assert.deepEqual(closed, [['ann', 1001]])
  assert.equal((await ann.closed).code, 1001)
  await two.app.broadcast('still there')
  assert.equal(await bob.next(), 'still there')
  // Another program may have the port by now, but not this path.
  await assert.rejects(() => Client.open(one.url('/only-in-one')))
})

test('an AbortSignal and asyncDispose close an app', async () => {
  const abort = new AbortController()
  const app = createApp({ signal: abort.signal }).websocket('/chat', {})
  const { port } = await app.listen()
  const client = await Client.open(`ws://127.0.0.1:${port}/chat`)
  abort.abort()
  await app.close()
  assert.equal((await client.closed).code, 1001)
  const other = createApp()
  await other.listen()
  await other[Symbol.asyncDispose]()
  await assert.rejects(() => other.listen(), { code: 'shutting_down' })
})

test('a process exits when its last app closes, and an app keeps it running', { timeout: 30_000 }, async () => {
  const { exited } = run(`
    const apps = [createApp(), createApp({ replay: 'demo' })]
    for (const app of apps) await app.listen()
    const never = createApp()
    setTimeout(() => { console.log('still running'); apps.map((app) => app.close()) }, 200).unref()
    setTimeout(() => {}, 300)
  `)
  assert.deepEqual(await exited, { code: 0, signal: null, text: 'still running\n' })
})

test('apps may be the first to listen at the same time', { timeout: 60_000 }, async () => {
  for (let i = 0; i < 10; i++) {
    const { exited } = run(`
      const apps = Array.from({ length: 8 }, () => createApp())
      await Promise.all(apps.map((app) => app.listen()))
      apps.map((app) => app.close())
    `)
    assert.deepEqual(await exited, { code: 0, signal: null, text: '' })
  }
})

/** An address of this process alone: at any other, another program could take a port that becomes free. */
const OWN = process.platform === 'linux' ? `127.${[1 + (process.pid >> 16), (process.pid >> 8) & 255, process.pid & 255].join('.')}` : '127.0.0.1'

test('a process that is killed leaves no port', { timeout: 30_000 }, async (t) => {
  const { child, exited } = run(`console.log((await createApp({ host: '${OWN}' }).listen()).port)`)
  const port = await new Promise((resolve) => child.stdout.once('data', (data) => resolve(Number(data))))
  child.kill('SIGKILL')
  assert.equal((await exited).signal, 'SIGKILL')
  const { app } = await start(t)
  const again = createApp({ host: OWN })
  assert.equal((await again.listen(port)).port, port)
  await again.close()
  assert.ok(app)
})

test('an uncaught failure of a handler does not end the process', { timeout: 30_000 }, async () => {
  const { exited } = run(`
    const app = createApp().websocket('/chat', { onConnect: async ({ clientId }) => { if (clientId === 'bob') throw new Error('failed') }, onMessage: () => { throw new Error('failed') }, onClose: ({ clientId }) => clientId === 'ann' && app.close() })
    const { port } = await app.listen()
    const open = (name) => new WebSocket('ws://127.0.0.1:' + port + '/chat?client_id=' + name)
    open('bob').on('close', () => {
      const ann = open('ann').on('open', () => { ann.send('x'); ann.close() })
    })
  `)
  const { code, text } = await exited
  assert.equal(code, 0, text)
  assert.match(text, /HandlerError: onConnect failed: failed[\s\S]*HandlerError: onMessage failed: failed/)
})

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
