// Sockets, rooms and verdicts, which are what handlers may return.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { HandlerError, SocketClosedError } from '@livetape/node'
import { Client, connected, deferred, meet, start } from './support.mjs'

test('handlers see each event of a socket once and in order', async (t) => {
  const seen = []
  const over = deferred()
  const note = (name) => (socket, ...args) => void seen.push([name, socket.clientId, ...args])
  const { url } = await start(t, (app) =>
    app.websocket('/chat', {
      onConnect: note('connect'), onMessage: note('message'), onBinaryMessage: note('binary'), onJoinRoom: note('join'),
      onLeaveRoom: note('leave'), onPing: note('ping'), onPong: note('pong'),
      onClose: (socket, code, reason) => (note('close')(socket, code, reason), over.resolve(socket)),
    }))
  const client = await Client.open(url('/chat?client_id=ann'))
  client.say('hello')
  client.say(Buffer.from([0, 255]))
  client.say({ type: 'join_room', room_id: 'a' })
  client.say({ type: 'room_message', room_id: 'a', message: 'hi' })
  client.say({ type: 'room_message', room_id: 'a', message: { x: 1 } })
  client.socket.ping()
  client.say({ type: 'leave_room', room_id: 'a' })
  assert.deepEqual((await client.json()).type, 'room_joined')
  assert.deepEqual([(await client.json()).message, (await client.json()).message], ['hi', { x: 1 }])
  assert.deepEqual((await client.json()).type, 'room_left')
  client.socket.close(4000, 'done')
  const socket = await over.promise
  assert.deepEqual(seen, [
    ['connect', 'ann'], ['message', 'ann', 'hello'], ['binary', 'ann', Buffer.from([0, 255])], ['join', 'ann', 'a'],
    ['message', 'ann', 'hi', 'a'], ['message', 'ann', '{"x":1}', 'a'], ['ping', 'ann'], ['leave', 'ann', 'a'], ['close', 'ann', 4000, 'done'],
  ])
  assert.equal(socket.isOpen, false)
  for (const late of [() => socket.send('x'), () => socket.close(), () => socket.joinRoom('a'), () => socket.sendToRoom('x', 'a')]) {
    await assert.rejects(late, SocketClosedError)
  }
  assert.throws(() => socket.setMetadata('a', 'b'), { code: 'socket_closed', name: 'SocketClosedError' })
})

test('a socket sends, joins, leaves, and stores metadata', async (t) => {
  const { app, client, socket } = await meet(t)
  assert.match(socket.clientId, /^client_/)
  assert.deepEqual([socket.path, socket.roomId, app.getConnection(socket.id)], ['/chat', undefined, socket])
  await socket.send('text')
  await socket.send(Buffer.from('bytes'))
  assert.deepEqual([await client.next(), await client.next()], ['text', Buffer.from('bytes')])
  assert.equal(await socket.leaveRoom(), false)
  assert.deepEqual([await socket.joinRoom('a'), await socket.joinRoom('b')], [true, true])
  assert.equal(socket.roomId, 'b')
  assert.deepEqual([(await client.json()).room_id, (await client.json()).room_id], ['a', 'b'])
  await socket.sendToRoom('to b')
  await socket.sendToRoom({ to: 'a' }, 'a')
  const [first, second] = [await client.json(), await client.json()]
  assert.deepEqual([first.room_id, first.message, first.from_client_id], ['b', 'to b', socket.clientId])
  assert.deepEqual([second.room_id, second.message], ['a', { to: 'a' }])
  assert.equal(await socket.leaveRoom(), true)
  assert.equal(socket.roomId, 'a')
  assert.equal(await socket.leaveRoom('nowhere'), false)
  socket.setMetadata('team', 'red')
  assert.deepEqual([socket.getMetadata('team'), socket.getMetadata('other')], ['red', undefined])
  const full = await app.createRoom('Small', { description: 'for one', maxConnections: 0 })
  assert.equal(await socket.joinRoom(full), false)
  const { createdAt, ...room } = app.getRoom(full)
  assert.deepEqual(room, { id: full, name: 'Small', description: 'for one', maxConnections: 0, connectionsCount: 0 })
  assert.ok(createdAt instanceof Date && Math.abs(Date.now() - createdAt) < 60_000)
  assert.deepEqual(app.getAllRooms().map(({ id }) => id).sort(), ['a', full].sort())
  assert.equal(app.getRoom('b'), undefined, 'it was removed with its last member')
  assert.deepEqual(app.getStats(), { totalConnections: 1, totalRooms: 2, connectionsByRoom: { a: 1, [full]: 0 }, unansweredEvents: 0 })
  await socket.close(4001, 'bye')
  await assert.rejects(() => socket.send('after close'), SocketClosedError)
  assert.deepEqual(await client.closed, { code: 4001, reason: 'bye' })
})

test('a broadcast reaches everyone, a room, or the sockets that pass a filter', async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/chat', {}))
  const [ann, bob] = [await Client.open(url('/chat?client_id=ann')), await Client.open(url('/chat?client_id=bob'))]
  assert.equal((await ann.join('a')).type, 'room_joined')
  await bob.join('b')
  await connected(app, 2)
  await app.broadcast('all')
  await app.broadcast('room a', 'a')
  await app.broadcast(Buffer.from('not ann'), undefined, ({ clientId }) => clientId !== 'ann')
  await app.broadcast('end')
  assert.deepEqual([await ann.next(), await ann.next(), await ann.next()], ['all', 'room a', 'end'])
  assert.deepEqual([await bob.next(), await bob.next(), await bob.next()], ['all', Buffer.from('not ann'), 'end'])
  assert.deepEqual(app.getConnections('a').map(({ clientId }) => clientId), ['ann'])
  assert.deepEqual([app.getConnections().length, app.getConnections('nowhere').length], [2, 0])
  await assert.rejects(() => app.broadcast('x', 'nowhere'), { code: 'unknown_room' })
  const failing = app.broadcast('never', undefined, () => { throw new Error('filter') })
  await assert.rejects(failing, { message: 'filter' })
  await app.broadcast('last')
  assert.deepEqual([await ann.next(), await bob.next()], ['last', 'last'])
})

test('verdicts refuse a connection, cancel a join, and change or drop a message', async (t) => {
  const { url } = await start(t, (app) =>
    app.websocket('/chat', {
      onConnect: async ({ clientId }) => ({ shouldCancel: clientId === 'mallory' }),
      onJoinRoom: (_, room) => ({ shouldContinue: room !== 'secret' }),
      onMessage: (_, message) => {
        if (message === 'spam') return { shouldCancel: true }
        if (message.includes('darn')) return { shouldContinue: true, modifiedEvent: { message: message.replace('darn', '****') } }
      },
    }))
  const mallory = new Client(url('/chat?client_id=mallory'))
  assert.deepEqual(await mallory.closed, { code: 1008, reason: 'refused' })
  const ann = await Client.open(url('/chat?client_id=ann'))
  const refused = await ann.join('secret')
  assert.deepEqual([refused.type, refused.code], ['room_join_error', 'refused'])
  await ann.join('a')
  for (const message of ['spam', 'darn it', 'fine']) ann.say({ type: 'room_message', room_id: 'a', message })
  assert.deepEqual([(await ann.json()).message, (await ann.json()).message], ['**** it', 'fine'])
})

/** Handlers that fail to decide, and the report about each. */
const FAILING = {
  throw: [() => { throw new TypeError('thrown') }, 'failed: thrown'],
  reject: [async () => { throw new TypeError('rejected') }, 'failed: rejected'],
  reject_nothing: [() => Promise.reject(), 'failed: undefined'],
  text: [() => 'cancel', 'failed: the result is neither nothing nor a plain object: cancel'],
  no: [async () => false, 'failed: the result is neither nothing nor a plain object: false'],
  misspelled: [() => ({ shouldcancel: true }), 'failed: the keys of the result have an unknown name `shouldcancel`'],
  cycle: [() => { const data = {}; data.data = data; return { modifiedEvent: { data } } }, 'failed: the new message cannot be written as JSON'],
  getter: [() => ({ get shouldCancel() { throw new Error('getter') } }), 'failed: getter'],
  never: [() => new Promise(() => {}), undefined],
}

/** Starts an app whose handlers behave as the client id, the room or the message says. */
async function failing(t, options) {
  const errors = []
  const behave = (name) => FAILING[name]?.[0]()
  const started = await start(t, (app) =>
    app.websocket('/chat', {
      onConnect: ({ clientId }) => behave(clientId),
      onJoinRoom: (_, room) => behave(room),
      onLeaveRoom: (_, room) => behave(room.replace('left-', '')),
      onMessage: (_, message) => behave(message),
      onError: (_, error) => { errors.push(error); throw new Error('onError too') },
    }), { handlerTimeoutMs: 50, ...options })
  return { ...started, errors }
}

test('what a handler fails to decide is refused, and the client learns it', async (t) => {
  const { app, url, failures, errors } = await failing(t)
  const ann = await Client.open(url('/chat'))
  await ann.join('a')
  for (const name of Object.keys(FAILING)) {
    assert.deepEqual(await new Client(url(`/chat?client_id=${name}`)).closed, { code: 1008, reason: 'handler_failed' }, name)
    const { type, room_id, code } = await ann.join(name)
    assert.deepEqual([type, room_id, code], ['room_join_error', name, 'handler_failed'])
    ann.say({ type: 'room_message', room_id: 'a', message: name })
    const { type: answer, code: why } = await ann.json()
    assert.deepEqual([answer, why], ['error', 'handler_failed'], name)
    // There is nothing to refuse if a client leaves.
    await ann.join(`left-${name}`)
    ann.say({ type: 'leave_room', room_id: `left-${name}` })
    assert.equal((await ann.json()).type, 'room_left', name)
  }
  assert.deepEqual(app.getConnections().map(({ roomId }) => roomId), ['a'])
  const expected = Object.entries(FAILING).flatMap(([name, [, text]]) => {
    if (!text) return []
    const isResult = !/throw|reject/.test(name)
    const leave = isResult ? [] : ['onLeaveRoom']
    return [...['onConnect', 'onJoinRoom', 'onMessage'], ...leave].map((handler) => `${isResult ? `the result of ${handler}` : handler} ${text}`)
  })
  assert.deepEqual(errors.map(({ message }) => message), expected)
  assert.ok(errors.every((error) => error instanceof HandlerError && error.code === 'handler_failed'))
  assert.ok(errors[0].cause instanceof TypeError)
  assert.equal(errors.find(({ message }) => message.includes('shouldcancel')).hint, 'did you mean `shouldCancel`?')
  const reported = failures.filter(({ code }) => code !== 'handler_timeout').map(({ message }) => message)
  assert.deepEqual(reported, expected.flatMap((message) => [message, 'onError failed: onError too']))
  assert.equal(app.getStats().unansweredEvents, 4)
  assert.match(failures.find(({ code }) => code === 'handler_timeout').message, /was refused$/)
})

test('with failOpen, what a handler fails to decide continues', async (t) => {
  const { app, url, errors } = await failing(t, { failOpen: true })
  for (const name of Object.keys(FAILING)) {
    const ann = await Client.open(url(`/chat?client_id=${name}`))
    assert.equal((await ann.join(name)).type, 'room_joined', name)
    ann.say({ type: 'room_message', room_id: name, message: name })
    assert.equal((await ann.json()).message, name)
  }
  assert.ok(errors.length >= 3 * (Object.keys(FAILING).length - 1))
  assert.equal(app.getStats().unansweredEvents, 3)
})

test('a handler that fails after its client has left, or too late, changes nothing', async (t) => {
  const [called, closed, late] = [deferred(), deferred(), deferred()]
  const { app, url, failures } = await start(t, (app) =>
    app.websocket('/chat', {
      onConnect: ({ clientId }) => (called.resolve(), clientId === 'late' ? late.promise : undefined),
      onMessage: (_, message, roomId) => roomId && (called.resolve(), closed.promise.then(() => { throw new Error(message) })),
      onClose: () => closed.resolve(),
    }), { handlerTimeoutMs: 50 })
  assert.equal((await new Client(url('/chat?client_id=late')).closed).reason, 'handler_failed')
  // Accepted, but too late.
  late.resolve()
  await late.promise
  const ann = await Client.open(url('/chat?client_id=ann'))
  await ann.join('a')
  ann.say({ type: 'room_message', room_id: 'a', message: 'too late' })
  ann.socket.terminate()
  while (!failures.some(({ message }) => message === 'onMessage failed: too late')) await new Promise((resolve) => setTimeout(resolve, 5))
  while (app.getConnections().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('bad arguments are reported with a code', async (t) => {
  const { app, client, socket } = await meet(t)
  for (const path of ['/chat', '/a/../b', '/..', '/a?b', 'a', '', 7]) assert.throws(() => app.websocket(path, {}), { code: 'bad_request' }, String(path))
  assert.throws(() => app.websocket('/other'), { code: 'bad_request' })
  assert.throws(() => app.websocket('/other', { clientId: 'not valid' }), { code: 'bad_request' })
  for (const code of [999, 1004, 1005, 1006, 1015, 5000, -1, 1.5, NaN, '1000']) await assert.rejects(() => socket.close(code), { code: 'bad_request' })
  await assert.rejects(() => socket.close(1000, 'x'.repeat(124)), { code: 'bad_request' })
  for (const message of [{}, null, undefined, 7]) await assert.rejects(() => socket.send(message), { code: 'bad_request' })
  for (const value of [7, null, undefined, {}]) assert.throws(() => socket.setMetadata('key', value), { code: 'bad_request' })
  assert.throws(() => socket.setMetadata('key', 'x'.repeat(9000)), { code: 'too_large' })
  await assert.rejects(() => socket.joinRoom(7), { code: 'bad_request' })
  await assert.rejects(() => socket.joinRoom(''), { code: 'bad_request' })
  await assert.rejects(() => socket.joinRoom('user:nobody'), { code: 'unknown_room' })
  await assert.rejects(() => socket.sendToRoom('x'), { code: 'not_in_room' })
  await assert.rejects(() => socket.sendToRoom(() => {}, 'a'), { code: 'bad_request' })
  await socket.send('still open')
  assert.equal(await client.next(), 'still open')
})

test('messages that are too long or not UTF-8 close the socket and reach onError', async (t) => {
  const codes = []
  let over = deferred()
  const { url } = await start(t, (app) =>
    app.websocket('/chat', { onError: (_, { code }) => void codes.push(code), onClose: (_, code) => void over.resolve(code) }))
  const long = await Client.open(url('/chat'))
  long.say(Buffer.alloc(100 << 20))
  long.socket.on('error', () => {})
  assert.equal(await over.promise, 1009)
  over = deferred()
  const client = await Client.open(url('/chat'))
  client.socket.send(Buffer.from([0xff]), { binary: false })
  assert.deepEqual([await over.promise, (await client.closed).code], [1007, 1007])
  assert.deepEqual(codes, ['too_large', 'not_utf8'])
})

test('a broken connection is closed with 1006, and none is left', async (t) => {
  const over = deferred()
  const { app, url } = await start(t, (app) => app.websocket('/chat', { onClose: (_, code) => void over.resolve(code) }))
  const client = await Client.open(url('/chat'))
  client.socket.terminate()
  assert.equal(await over.promise, 1006)
  assert.deepEqual([app.getConnections(), app.getStats().totalConnections], [[], 0])
})

test('requests without an upgrade get 400, and other routes still work', async (t) => {
  const { port } = await start(t, (app) => app.websocket('/chat', {}))
  const answer = await fetch(`http://127.0.0.1:${port}/chat`)
  assert.deepEqual([answer.status, (await answer.json()).error.code], [400, 'upgrade_required'])
  assert.equal((await (await fetch(`http://127.0.0.1:${port}/health`)).json()).status, 'ok')
  assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 200)
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { accept: 'text/html' } })
  assert.match(page.headers.get('content-type'), /^text\/html/)
})

const { decide } = createRequire(import.meta.url)('../dist/verdict.cjs')

const CONTINUE = { cancels: false, message: undefined }
const CANCEL = { ...CONTINUE, cancels: true }
const VALID = [
  [undefined, CONTINUE], [null, CONTINUE], [{}, CONTINUE], [Object.create(null), CONTINUE],
  [{ shouldCancel: false }, CONTINUE], [{ shouldContinue: true }, CONTINUE], [{ shouldContinue: true, shouldCancel: false }, CONTINUE],
  [{ shouldCancel: true }, CANCEL], [{ shouldContinue: false }, CANCEL], [{ shouldContinue: true, shouldCancel: true }, CANCEL], [{ shouldContinue: false, shouldCancel: false }, CANCEL],
  [runInNewContext('({ shouldCancel: true })'), CANCEL],
  [{ modifiedEvent: { message: 'x' } }, { ...CONTINUE, message: '"x"' }], [{ modifiedEvent: { data: [1] } }, { ...CONTINUE, message: '[1]' }],
  [{ modifiedEvent: { message: null } }, { ...CONTINUE, message: 'null' }], [{ shouldCancel: true, modifiedEvent: { message: '' } }, { cancels: true, message: '""' }],
]
const cycle = {}
cycle.cycle = cycle
class Verdict {
  shouldCancel = true
}
const INVALID = [
  false, true, 0, 1, 42, 5n, NaN, '', 'no', 'cancel', Symbol('x'), () => ({ shouldCancel: true }), [], [true], [{ shouldCancel: true }], new Verdict(), new Map(), new Set(), new Date(), new Error('x'),
  Buffer.from('x'), runInNewContext('[true]'), runInNewContext('({ shouldcancel: true })'),
  { shouldCancel: 1 }, { shouldCancel: 'true' }, { shouldCancel: null }, { shouldCancel: undefined }, { shouldCancel: {} }, { shouldcancel: true }, { ShouldCancel: true }, { cancel: true },
  { shouldContinue: 0 }, { shouldContinue: 'false' }, { shouldContinue: null }, { shouldContinue: undefined }, { shouldcontinue: false }, { shouldCancel: true, reason: 'x' },
  { modifiedEvent: 7 }, { modifiedEvent: 'x' }, { modifiedEvent: null }, { modifiedEvent: undefined }, { modifiedEvent: [] }, { modifiedEvent: {} }, { modifiedEvent: { mesage: 'x' } },
  { modifiedEvent: { message: undefined } }, { modifiedEvent: { message: () => 'x' } }, { modifiedEvent: { message: 5n } }, { modifiedEvent: { data: cycle } },
]

test('a verdict is taken as it is', () => {
  for (const [result, decision] of VALID) assert.deepEqual(decide(result), decision)
})

test('anything that is not exactly a verdict is an error', () => {
  for (const result of INVALID) assert.throws(() => decide(result), { code: 'bad_request' }, typeof result === 'object' ? JSON.stringify(Object.keys(result)) : String(result))
  assert.throws(() => decide({ shouldcancel: true }), { hint: 'did you mean `shouldCancel`?' })
  let reads = 0
  assert.deepEqual(decide({ get shouldCancel() { return (reads += 1) === 1 } }), CANCEL)
})
