// What a handler learns about a client before it accepts it, and what the client gets until then.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { WebSocket } from 'ws'
import { Client, connected, createWebSocketClient, deferred, meet, raw, start } from './support.mjs'

test('a handler authenticates a client by its request, which printing the socket does not show', async (t) => {
  const headers = { cookie: 'session=secret', authorization: 'Bearer secret', 'x-name': 'Ann' }
  const { client, socket } = await meet(t, {}, { query: '?ticket=secret&client_id=ann', headers })
  assert.equal(socket.url, '/chat?ticket=secret&client_id=ann')
  for (const [name, value] of Object.entries(headers)) assert.equal(socket.headers[name], value)
  assert.deepEqual([socket.remoteAddress, socket.protocol, socket.headers.constructor], ['127.0.0.1', '', undefined])
  assert.throws(() => { socket.url = '/' }, TypeError)
  for (const shown of [inspect(socket, { depth: 9, showHidden: true }), JSON.stringify(socket)]) assert.ok(!shown.includes('secret'), shown)
  client.socket.close()
  await client.closed
  assert.equal(socket.headers['x-name'], 'Ann', 'also after the close')
})

test('with a token, the request of a client is known without it', async (t) => {
  const token = 'a-token-of-this-server'
  const { socket } = await meet(t, {}, { query: `?token=${token}&name=ann`, token })
  assert.deepEqual([socket.url, socket.headers.authorization], ['/chat?name=ann', undefined])
})

test('the first subprotocol that the client offers is selected, or the first that the path lists', async (t) => {
  const seen = []
  const onConnect = ({ protocol }) => void seen.push(protocol)
  const { app, url } = await start(t, (app) => {
    app.websocket('/any', { onConnect })
    app.websocket('/versions', { onConnect, protocols: ['v2', 'v3'] })
  })
  const open = async (path, offered) => {
    const before = seen.length
    const client = new WebSocket(url(path), offered)
    await once(client, 'open')
    // Otherwise the handler could learn of the next client first.
    while (seen.length === before) await new Promise(setImmediate)
    return client.protocol
  }
  assert.deepEqual([await open('/any', ['chat', 'other']), await open('/any', []), await open('/versions', ['v1', 'v3', 'v2'])], ['chat', '', 'v3'])
  await assert.rejects(() => open('/versions', ['v1']), { message: 'Server sent no subprotocol' })
  while (seen.length < 4) await new Promise(setImmediate)
  assert.deepEqual(seen, ['chat', '', 'v3', ''])
  for (const protocols of ['chat', [5], ['a b'], ['']]) assert.throws(() => app.websocket('/bad', { protocols }), { code: 'bad_request' })
})

test('a client that is not accepted yet gets no broadcasts and is not listed', async (t) => {
  const asked = deferred()
  const verdict = deferred()
  const { app, url, port } = await start(t, (app) => {
    app.websocket('/open', {})
    app.websocket('/chat', {
      async onConnect(socket) {
        await socket.send('wait')
        await socket.joinRoom('a')
        asked.resolve(socket)
        return verdict.promise
      },
    })
  })
  const ann = await Client.open(url('/open'))
  await ann.join('a')
  const bob = await Client.open(url('/chat?client_id=bob'))
  const socket = await asked.promise
  await app.broadcast('secret')
  await app.broadcast('secret of a', 'a')
  ann.say({ type: 'room_message', room_id: 'a', message: 'secret of ann' })
  assert.deepEqual([await ann.next(), await ann.next(), (await ann.json()).message], ['secret', 'secret of a', 'secret of ann'])
  const listed = async () => {
    const rest = await (await fetch(`http://127.0.0.1:${port}/connections`)).json()
    const { totalConnections, connectionsByRoom } = app.getStats()
    return [app.getConnections().length, app.getConnections('a').length, rest.connections.length, totalConnections, connectionsByRoom.a, app.getRoom('a').connectionsCount]
  }
  assert.deepEqual(await listed(), [1, 1, 1, 1, 1, 1])
  assert.equal((await fetch(`http://127.0.0.1:${port}/connections/bob`)).status, 404)
  assert.equal(app.getConnection(socket.id), socket)
  verdict.resolve()
  await connected(app, 2)
  assert.deepEqual(await listed(), [2, 2, 2, 2, 2, 2])
  await app.broadcast('welcome')
  assert.deepEqual([await bob.next(), (await bob.json()).type, await bob.next()], ['wait', 'room_joined', 'welcome'])
})

test('what a handler broadcasts reaches the clients whose handlers returned before', async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/chat', { onConnect: ({ clientId }) => void app.broadcast(clientId) }))
  const clients = await Promise.all(['a', 'b', 'c'].map((id) => Client.open(url(`/chat?client_id=${id}`))))
  await connected(app, 3)
  await app.broadcast('end')
  const received = []
  for (const client of clients) {
    let count = 0
    while ((await client.next()) !== 'end') count += 1
    received.push(count)
  }
  assert.deepEqual(received.sort(), [0, 1, 2])
})

test('a close frame with a code that must not be sent reaches onError', async (t) => {
  const [seen, over] = [[], deferred()]
  const { port } = await start(t, (app) =>
    app.websocket('/chat', { onError: (_, { code }) => void seen.push(code), onClose: (_, code, reason) => over.resolve([code, reason]) }))
  const socket = await raw(port, '/chat')
  socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 1005 >> 8, 1005 & 255]))
  assert.deepEqual(await over.promise, [1002, 'protocol_error'])
  assert.deepEqual(seen, ['protocol_error'])
  socket.destroy()
})

test('@livetape/client gets objects with a type as messages, and reports everything else as malformed', async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/chat/ws', { onMessage() {} }))
  const client = createWebSocketClient({ url: url('/chat/ws') })
  t.after(() => client.disconnect())
  const [messages, malformed] = [[], []]
  client.on('message', (message) => messages.push(message))
  client.on('malformed', (text) => malformed.push(text))
  await client.connect()
  await connected(app, 1)
  for (const message of ['text', '5', '{"x":1}', '{"type":"move","x":1}']) await app.broadcast(message)
  while (messages.length < 1) await new Promise(setImmediate)
  assert.deepEqual(malformed, ['text', '5', '{"x":1}'])
  assert.equal(messages[0].type, 'move')
  assert.equal(client.getStats().malformed, 3)
})

test('a binary message only reaches its handler, which may forward it to a room', async (t) => {
  const { app, url } = await start(t, (app) =>
    app.websocket('/chat', { onBinaryMessage: (socket, bytes) => app.broadcast(bytes, socket.roomId) }))
  const [ann, bob, eve] = await Promise.all(['ann', 'bob', 'eve'].map((id) => Client.open(url(`/chat?client_id=${id}`))))
  await ann.join('a')
  await bob.join('a')
  await eve.join('b')
  ann.say(Buffer.from('x'))
  assert.deepEqual([await ann.next(), await bob.next()], [Buffer.from('x'), Buffer.from('x')])
  await app.broadcast('end')
  assert.equal(await eve.next(), 'end')
})
