// The usage examples of the server that this API is modelled on, with `@livetape/client` and with plain `ws` as clients.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, createWebSocketClient, deferred, start } from './support.mjs'

test('a server logs connections, messages and joins of clients that chat in a room', async (t) => {
  const log = []
  const { url } = await start(t, (app) =>
    app.websocket('/ws', {
      onConnect: (socket) => void log.push(`Client connected: ${socket.clientId}`),
      onMessage: (socket, message) => void log.push(`Message from ${socket.clientId}: ${message}`),
      onJoinRoom: (socket, roomId) => void log.push(`Client ${socket.clientId} joined room: ${roomId}`),
    }))
  const received = deferred()
  const client = createWebSocketClient({
    url: url('/ws'),
    clientId: 'user_123',
    autoReconnect: true,
    onConnect: () => void client.joinRoom('general-chat'),
    onJoinRoom: (roomId) => void client.send('Hello, everyone!', roomId),
    onMessage: (event) => received.resolve(event),
  })
  t.after(() => client.disconnect())
  await client.connect()
  const { roomId, fromClientId, data } = await received.promise
  assert.deepEqual([roomId, fromClientId, data], ['general-chat', 'user_123', 'Hello, everyone!'])
  assert.deepEqual(log, ['Client connected: user_123', 'Client user_123 joined room: general-chat', 'Message from user_123: Hello, everyone!'])
})

test('the chat example runs with both clients in one room', async (t) => {
  const { url } = await start(t, (app) => app.websocket('/chat/ws', {}))
  const heard = deferred()
  const client = createWebSocketClient({ url: url('/chat/ws'), clientId: 'chat_user_123', pingInterval: 30_000 })
  t.after(() => client.disconnect())
  const joined = deferred()
  client.on('connected', () => void client.joinRoom('general-chat'))
  client.on('roomJoined', (roomId) => joined.resolve(roomId))
  client.on('roomMessage', (roomId, message, from) => heard.resolve([roomId, message, from]))
  await client.connect()
  assert.equal(client.getClientId(), 'chat_user_123')
  assert.equal(await joined.promise, 'general-chat')
  const plain = await Client.open(url('/chat/ws?client_id=plain'))
  await plain.join('general-chat')
  await client.sendToRoom('general-chat', 'Hello, everyone!')
  assert.deepEqual(await heard.promise, ['general-chat', 'Hello, everyone!', 'chat_user_123'])
  const { type, message, from_client_id } = await plain.json()
  assert.deepEqual([type, message, from_client_id], ['room_message', 'Hello, everyone!', 'chat_user_123'])
  await client.leaveRoom('general-chat')
  plain.say({ type: 'ping', timestamp: 7 })
  assert.equal((await plain.json()).timestamp, 7)
})

test('the manager creates rooms, broadcasts and counts', async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/ws', { clientId: 'default' }))
  const roomId = await app.createRoom('Lobby', { description: 'for all', maxConnections: 1 })
  const [first, second] = [await Client.open(url('/ws')), await Client.open(url('/ws'))]
  assert.equal((await first.join(roomId)).type, 'room_joined')
  assert.deepEqual([(await second.join(roomId)).code, app.getRoom(roomId).connectionsCount], ['room_full', 1])
  const [one, two] = app.getConnections()
  assert.deepEqual([one.clientId, one.roomId, two.clientId.startsWith('client_'), two.roomId], ['default', roomId, true, undefined])
  await app.broadcast('news', roomId, (socket) => socket.clientId === 'default')
  assert.equal(await first.next(), 'news')
  assert.deepEqual(app.getStats().connectionsByRoom, { [roomId]: 1 })
})

test('text reaches handlers unchanged from ws, and as JSON from the client', async (t) => {
  const seen = []
  const both = deferred()
  const { url } = await start(t, (app) =>
    app.websocket('/ws', { onMessage: (socket, message) => { if (seen.push([socket.clientId, message]) === 2) both.resolve() } }))
  const plain = await Client.open(url('/ws?client_id=plain'))
  const client = createWebSocketClient({ url: url('/ws'), clientId: 'client' })
  t.after(() => client.disconnect())
  await client.connect()
  plain.say('hi')
  client.send('hi')
  await both.promise
  assert.deepEqual(new Map(seen), new Map([['plain', 'hi'], ['client', '"hi"']]))
})
