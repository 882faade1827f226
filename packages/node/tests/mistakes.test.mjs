// Mistakes of programs: each is reported with a code, and none ends the process or keeps it running.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { createApp, decode, LivetapeError, MockTikTok, readRecording } from '@livetape/node'
import { Client, deferred, meet, run, start } from './support.mjs'

/** Checks that all of these calls fail with this error, at once or as a promise. */
async function fail(calls, { code = 'bad_request', ...rest } = {}) {
  for (const call of calls) {
    await assert.rejects(async () => call(), (error) => error instanceof LivetapeError && error.code === code, String(call))
    await assert.rejects(async () => call(), { code, ...rest }, String(call))
  }
}

test('expectations that cannot be met are rejected', async (t) => {
  const mock = await MockTikTok.start('ann')
  t.after(() => mock.close())
  const wrong = [{ min: 2, max: 1 }, { maximum: 3 }, { max: -1 }, { max: 2 ** 40 }, { min: 1.5 }, NaN, Infinity, -1, '2', null, undefined, []]
  await fail(wrong.map((times) => () => mock.expect('connection', times)))
  await fail([() => mock.expect('connection', { maximum: 3 })], { hint: 'did you mean `max`?' })
  await fail([() => mock.expect(7, 1), () => mock.expect('nonsense', 1), () => mock.expect('close:70000', 1)])
  mock.verify()
})

test('a mock that is forgotten with an expectation does not end the process', { timeout: 30_000 }, async () => {
  const { exited } = run(`(await MockTikTok.start('ann')).expect('connection', 1); console.log('end')`)
  assert.deepEqual(await exited, { code: 0, signal: null, text: 'end\n' })
})

test('what needs the server fails before listen, and keeps no process running', { timeout: 30_000 }, async () => {
  const { exited } = run(`
    const app = createApp({ replay: 'demo' })
    const calls = { connect: () => app.connect('ann'), disconnect: () => app.disconnect('ann'), inject: () => app.inject({ type: 'chat', user: 'ann', comment: 'hi' }),
      load: () => app.replay.load('demo'), pause: () => app.replay.pause(), seek: () => app.replay.seek(1) }
    for (const call of Object.values(calls)) await call().catch(({ code, hint }) => console.log(code, hint))
    createApp().events().next()
  `)
  assert.deepEqual(await exited, { code: 0, signal: null, text: 'not_listening call `await app.listen()` first\n'.repeat(6) })
})

test('a loop that starts before listen waits for it, and ends with the app', { timeout: 30_000 }, async () => {
  const app = createApp({ replay: 'demo', speed: 'max' })
  const [first, left, late] = [app.events(), app.events(), app.events({ types: ['gift'] })]
  const waiting = [first.next(), left.next()]
  await left.return()
  assert.equal((await waiting[1]).done, true)
  await app.listen()
  assert.equal((await waiting[0]).done, false)
  assert.equal((await late.next()).value.type, 'gift')
  await app.close()
  const never = createApp()
  const last = never.events().next()
  await never.close()
  assert.equal((await last).done, true)
  await fail([() => never.connect('ann'), () => never.replay.load('demo'), () => never.listen()], { code: 'shutting_down' })
})

test('an app that is closed while it starts rejects listen', { timeout: 30_000 }, async () => {
  const app = createApp()
  const listening = app.listen()
  await Promise.all([assert.rejects(listening, { code: /shutting_down|bad_request/ }), app.close()])
})

test('POST /shutdown closes the app', { timeout: 30_000 }, async () => {
  const { exited } = run(`
    const app = createApp({ replay: 'demo', loop: true })
    app.websocket('/chat', { onClose: (_, code) => console.log('close', code) })
    const events = app.events({ types: ['chat'] })
    const { port } = await app.listen()
    const socket = new WebSocket('ws://127.0.0.1:' + port + '/chat')
    await new Promise((resolve) => socket.on('open', resolve))
    await fetch('http://127.0.0.1:' + port + '/shutdown', { method: 'POST' })
    for await (const event of events);
    console.log('end')
  `)
  const { code, text } = await exited
  assert.deepEqual([code, text.split('\n').sort()], [0, ['', 'close 1001', 'end']])
})

test('a user that cannot be connected to is rejected at once', async () => {
  const names = ['bad name!', '', '@@', 'a/b']
  await fail(names.map((live) => () => createApp({ live, offline: true })), { code: 'invalid_username' })
})

test('calls that nobody awaits do not end the process when a client leaves or a room is gone', { timeout: 30_000 }, async () => {
  const { exited } = run(`
    const app = createApp({ log: ({ code }) => console.log(code) })
    app.websocket('/chat', { onClose: (socket) => {
      socket.send('x'); socket.close(); socket.joinRoom('a'); socket.leaveRoom(); socket.sendToRoom('x', 'a'); app.broadcast('x', 'nowhere'); socket.send({})
      // After the reports.
      setImmediate(() => setImmediate(() => app.close()))
    } })
    const { port } = await app.listen()
    const client = new WebSocket('ws://127.0.0.1:' + port + '/chat').on('open', () => client.close())
  `)
  const codes = [...Array(5).fill('socket_closed'), 'unknown_room', 'bad_request']
  assert.deepEqual(await exited, { code: 0, signal: null, text: codes.map((code) => `${code}\n`).join('') })
})

test('a closed socket is not open, rejects calls, and keeps its state', async (t) => {
  const closed = deferred()
  const { client, socket, failures } = await meet(t, {
    onConnect: (socket) => void socket.setMetadata('role', 'guest'),
    onClose: (socket, code) => closed.resolve([socket.roomId, socket.getMetadata('role'), code]),
  })
  await client.join('a')
  assert.equal(socket.isOpen, true)
  void socket.close(4000)
  assert.equal(socket.isOpen, false)
  await assert.rejects(socket.send('x'), { name: 'SocketClosedError' })
  await socket.send('x').catch(({ code }) => assert.equal(code, 'socket_closed'))
  assert.deepEqual(await closed.promise, ['a', 'guest', 4000])
  assert.deepEqual([socket.roomId, socket.getMetadata('role'), socket.getMetadata('other')], ['a', 'guest', undefined])
  await new Promise(setImmediate)
  assert.deepEqual(failures, [], 'failures that are handled are not reported')
})

test('clients cannot change metadata, and handlers see what they ask', async (t) => {
  const seen = []
  const { client: ann, socket } = await meet(t, {
    onConnect: (socket) => void socket.setMetadata('role', 'guest'),
    onMessage: (_, message, room) => void seen.push([message, room]),
    onJoinRoom: (_, room) => void seen.push(room),
  })
  const set = JSON.stringify({ type: 'set_metadata', key: 'role', value: 'staff' })
  ann.say(set)
  // None of these can succeed, so that no handler is asked.
  for (const [type, room_id] of [['room_message', 'nowhere'], ['join_room', ''], ['join_room', 'user:nobody']]) {
    ann.say({ type, room_id, message: 'x' })
    assert.match((await ann.json()).code, /unknown_room|bad_message/)
  }
  await ann.join('a')
  assert.deepEqual([seen, socket.getMetadata('role')], [[[set, undefined], 'a'], 'guest'])
})

test('events without a result in time are reported once', async (t) => {
  const { app, url, failures } = await start(t, (app) => app.websocket('/chat', { onMessage: () => new Promise(() => {}) }), { handlerTimeoutMs: 20 })
  const ann = await Client.open(url('/chat'))
  for (const message of ['a', 'b', 'c']) ann.say(message)
  while (app.getStats().unansweredEvents < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  ann.say('d')
  while (app.getStats().unansweredEvents < 4) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(failures.map(({ code }) => code), ['handler_timeout'])
})

test('unknown names and values of another type are rejected, with the nearest name', async (t) => {
  const { app } = await start(t)
  const wrong = [{ onMesage() {} }, { onMessage: 5 }, { clientId: 5 }, [], null, undefined, 'x']
  await fail(wrong.map((handlers) => () => app.websocket('/y', handlers)))
  await fail([() => app.websocket('/y', { onMesage() {} })], { hint: 'did you mean `onMessage`?' })
  await fail([() => app.events({ type: ['gift'] })], { hint: 'did you mean `types`?' })
  await fail([{ types: 'gift' }, { types: [] }, { types: [5] }, { signal: 5 }, { since: Symbol('x') }, { gifts: Symbol('x') }, null].map((options) => () => app.events(options)))
  const numbers = ['handlerTimeoutMs', 'maxConnections', 'maxQueuedBytes', 'maxQueuedEvents', 'maxMessageBytes', 'messagesPerSecond', 'speed']
  for (const value of [0, -1, NaN, Infinity, 2 ** 62]) await fail(numbers.map((name) => () => createApp({ [name]: value })))
  await fail([() => createApp(null), () => createApp(7), () => createApp({ signal: 5 }), () => createApp({ log: 5 }), () => createApp({ token: 1n }), () => createApp().listen(Symbol('x'))])
  await fail([() => readRecording(), () => decode(), () => MockTikTok.start(), () => MockTikTok.start(null), () => MockTikTok.start({ file: 'x', toml: '' })])
  await fail([() => app.inject({ type: 1n }), () => app.inject(), () => app.connect(5), () => app.replay.load(5), () => app.broadcast('x', 5),
    () => app.broadcast('x', undefined, 5), () => app.getConnections(5), () => app.createRoom('a', { maxConnection: 1 })])
  class Chat {
    users = new Map()
    onMessage() {}
  }
  app.websocket('/class', new Chat())
})

test('a handler may throw anything', async (t) => {
  const thrown = [Object.create(null), { get message() { throw new Error('no message') } }, Object.assign(new Error(), { message: null }), Symbol('x'), undefined, 5n]
  const { url, failures } = await start(t, (app) =>
    app.websocket('/', {
      onMessage(_, message) {
        throw thrown[Number(message)]
      },
      onBinaryMessage: (socket) => socket.send('still here'),
    }),
  )
  const client = await Client.open(url('/'))
  for (const at of thrown.keys()) client.say(String(at))
  client.say(Buffer.from('x'))
  assert.equal(await client.next(), 'still here')
  assert.deepEqual(failures.map(({ code, cause }) => [code, cause]), thrown.map((cause) => ['handler_failed', cause]))
})

test('a log that rejects does not end the process', { timeout: 30_000 }, async () => {
  const { exited } = run(`
    const app = createApp({ log: async () => { throw new Error('the log failed') } })
    app.websocket('/', { onConnect() { throw new Error('x') }, onClose: () => app.close() })
    const { port } = await app.listen()
    new WebSocket('ws://127.0.0.1:' + port).on('open', function () { this.close() })
  `)
  const { code, text } = await exited
  assert.equal(code, 0, text)
  assert.match(text, /the log failed/)
})

test('parallel calls of next get every event once, in order', async (t) => {
  const { app } = await start(t)
  const events = app.events({ types: ['chat'] })
  const taken = Array.from({ length: 100 }, () => events.next())
  for (let i = 0; i < 100; i++) await app.inject({ type: 'chat', user: 'ann', comment: String(i) })
  const comments = (await Promise.all(taken)).map(({ value }) => value.data.comment)
  assert.deepEqual(comments, Array.from({ length: 100 }, (_, i) => String(i)))
  await events.return()
})

test('a gift that does not exist is refused as over REST', async (t) => {
  const { app, port } = await start(t)
  const gift = { type: 'gift', user: 'ann', gift: 'Nope' }
  const body = await (await fetch(`http://127.0.0.1:${port}/inject`, { method: 'POST', body: JSON.stringify(gift), headers: { 'content-type': 'application/json' } })).json()
  await fail([() => app.inject(gift)], { message: body.error.message, hint: body.error.hint })
  await fail([() => app.inject({ ...gift, colour: 1 }), () => app.inject({ type: 'gifts' }), () => app.inject({ type: 'chat' }), () => app.inject(null)])
  await app.inject({ ...gift, gift: 'Rose' })
})

test('every loop over a recording gets all events', async () => {
  const recording = await readRecording('demo')
  assert.equal(await recording.loss(), null)
  const counts = []
  for (let pass = 0; pass < 2; pass++) {
    let count = 0
    for await (const event of recording) count += event ? 1 : 0
    counts.push(count)
  }
  assert.ok(counts[0] > 800)
  assert.equal(counts[1], counts[0])
  const [one, two] = [recording[Symbol.asyncIterator](), recording[Symbol.asyncIterator]()]
  assert.deepEqual((await one.next()).value, (await two.next()).value)
  assert.equal(await recording.loss(), null)
})

test('a loop over an incomplete recording yields all readable events, and then throws', async () => {
  const demo = readFileSync(new URL('../../../recordings/demo.bin', import.meta.url))
  const damaged = Buffer.from(demo)
  damaged.fill(0xff, 300_000, 300_100)
  const folder = mkdtempSync(join(tmpdir(), 'livetape-'))
  for (const [name, bytes] of [['truncated', demo.subarray(0, 400_000)], ['damaged', damaged], ['cut-in-a-record', demo.subarray(0, demo.length - 5)]]) {
    const file = join(folder, `${name}.bin`)
    writeFileSync(file, bytes)
    const recording = await readRecording(file)
    let count = 0
    const all = async () => {
      for await (const { type } of recording) count += type ? 1 : 0
    }
    await assert.rejects(all, ({ code, message }) => code === 'incomplete_recording' && message.startsWith('the recording is incomplete: '), name)
    assert.ok(count > 50, `${name}: ${count} events`)
    assert.notEqual(await recording.loss(), null)
    for await (const _ of recording) break
  }
  rmSync(folder, { recursive: true })
})

test('errors name options and methods of this package', async (t) => {
  const { app, socket } = await meet(t)
  const hints = [
    [() => app.replay.pause(), { code: 'no_replay', hint: /app\.replay\.load/ }],
    [() => app.disconnect('ann'), { code: 'not_found', hint: /app\.status/ }],
    [() => app.broadcast('x', 'nowhere'), { code: 'unknown_room', hint: /app\.createRoom/ }],
    [() => socket.sendToRoom('x', 'nowhere'), { code: 'unknown_room', hint: /app\.createRoom/ }],
    [() => createApp({ token: 'short' }), { hint: /randomBytes/ }],
    [() => createApp({ maxConnections: 'x' }), { message: '`maxConnections` x is not a whole number from 0 to 9007199254740991' }],
    [() => app.websocket('/y', { clientId: 'not valid' }), { message: /^`clientId` must have/ }],
    [() => app.websocket('/a/:id', {}), { message: '`/a/:id` is not a path' }],
    [() => app.replay.seek(Infinity), { message: 'the offset Infinity is not a number of seconds' }],
    [() => socket.close(65536), { message: /65536/ }],
    [() => socket.close(-1), { message: /-1/ }],
    [() => socket.sendToRoom(Buffer.from('x'), 'a'), { hint: /app\.broadcast/ }],
    [() => app.broadcast('x', undefined, async () => false), { message: 'the filter is async' }],
    [() => app.createRoom('a', { maxConnection: 1 }), { hint: 'did you mean `maxConnections`?' }],
    [() => app.inject(null), { message: 'the event is not an object: null' }],
    [() => app.listen(), { message: 'the app is already listening' }],
  ]
  for (const [call, error] of hints) await assert.rejects(async () => call(), error, String(call))
  const odd = [Object.create(null), Symbol('x'), 5n, { toJSON() { throw new Error('x') } }, NaN, []]
  for (const name of ['host', 'port', 'speed', 'loop', 'maxConnections', 'signal', 'log']) await fail(odd.map((value) => () => createApp({ [name]: value })))
  await fail(odd.flatMap((value) => [() => app.getConnections(value), () => app.broadcast('x', value)]))
})

test('a closed app rejects rooms and broadcasts, and of two calls of listen only one succeeds', async () => {
  const app = createApp()
  const [one, two] = await Promise.allSettled([app.listen(), app.listen()])
  assert.deepEqual([one.status, two.status, two.reason?.code], ['fulfilled', 'rejected', 'bad_request'])
  await app.close()
  await fail([() => app.createRoom('a'), () => app.broadcast('x')], { code: 'shutting_down' })
})

test('bytes may be in any view or buffer', async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/chat', {}))
  const client = await Client.open(url('/chat'))
  const { buffer } = new Uint8Array([1, 2, 3])
  for (const bytes of [buffer, new DataView(buffer, 1), new Uint16Array([513]), runInNewContext('new Uint8Array([7])')]) await app.broadcast(bytes)
  assert.deepEqual([await client.next(), await client.next(), await client.next(), await client.next()], [[1, 2, 3], [2, 3], [1, 2], [7]].map((it) => Buffer.from(it)))
  assert.deepEqual(decode(new DataView(new ArrayBuffer(3))), [])
})

// The addon throws errors of the main context, also to tests that run in a context of their own.
test('errors of another context are converted too', () => {
  const { unpack } = createRequire(import.meta.url)('../dist/errors.cjs')
  const foreign = runInNewContext(`new Error('{"code":"bad_request","message":"wrong","hint":"look"}')`)
  assert.ok(!(foreign instanceof Error))
  const error = unpack(foreign)
  assert.ok(error instanceof LivetapeError)
  assert.deepEqual([error.code, error.message, error.hint], ['bad_request', 'wrong', 'look'])
  for (const other of [undefined, null, 5, 'x', new Error('{'), {}]) assert.equal(unpack(other), other)
})
