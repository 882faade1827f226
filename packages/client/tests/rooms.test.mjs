// Rooms on `/ws` of a real server: messages, and what happens when a connection breaks.

import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'

import { LIVETAPE, once, start, until } from '../../../tests/support/livetape.mjs'
import { Room } from '../dist/livetape-client.js'
import { createWebSocketClient, proxy, serve } from './given.mjs'

let server
beforeAll(async () => (server = await start(LIVETAPE, ['serve', '--port', '0'])))
afterAll(() => server.stop())

const post = (address, body) => fetch(new URL(address, server.url), { method: 'POST', body: JSON.stringify(body) })

async function join(clientId, more = {}) {
  const client = createWebSocketClient({ url: `${server.ws}/ws`, clientId, webSocket: WebSocket, reconnectDelay: 5, ...more })
  await client.connect()
  return client
}

test('a message sent right after the request to join arrives in the room', async () => {
  const [one, other] = [await join('eager'), await join('listener')]
  await other.joinRoom('at-once')
  const heard = once(other, 'roomMessage')
  void one.joinRoom('at-once')
  await one.send('hello', 'at-once')
  expect(await heard).toEqual(['at-once', 'hello', 'eager'])
})

test('the examples from the original package run', async () => {
  const other = await join('user_456')
  const seen = []
  await other.joinRoom('general-chat')
  const client = createWebSocketClient({
    url: `${server.ws}/ws`,
    clientId: 'user_123',
    autoReconnect: true,
    webSocket: WebSocket,
    onConnect: () => client.joinRoom('general-chat'),
    onJoinRoom: (roomId) => (seen.push(`joined ${roomId}`), client.send('Hello, everyone!', 'general-chat')),
    onMessage: (event) => seen.push(`[${event.roomId}] ${event.fromClientId}: ${event.data}`),
    onRoomMessage: (roomId, message, from) => seen.push([roomId, message, from]),
  })
  const heard = once(other, 'roomMessage')
  await client.connect()
  expect(await heard).toEqual(['general-chat', 'Hello, everyone!', 'user_123'])
  await until('its own message', () => seen.length === 3)
  expect(seen).toEqual(['joined general-chat', ['general-chat', 'Hello, everyone!', 'user_123'], '[general-chat] user_123: Hello, everyone!'])
  expect(client.getClientId()).toBe('user_123')
  expect(client.getRoom('general-chat')).toBeInstanceOf(Room)
  expect(client.getAllRooms().map((room) => room.getId())).toEqual(['general-chat'])
  await client.leaveRoom('general-chat')
  expect(client.getAllRooms()).toEqual([])
  await expect(client.sendToRoom('general-chat', 'too late')).rejects.toMatchObject({ code: 'not_in_room' })
})

test('a room remembers its last hundred messages', async () => {
  const client = await join('historian')
  const room = await client.joinRoom('history')
  const messages = []
  room.on('message', (message, from) => messages.push([message, from]))
  for (let number = 0; number < 45; number += 1) await room.send({ number })
  await until('all of them', () => messages.length === 45)
  expect(messages[44]).toEqual([{ number: 44 }, 'historian'])
  // Clients may send at most 50 messages per second, so the server sends the rest.
  for (let number = 45; number < 130; number += 1) await post('rooms/history/messages', { message: { number } })
  await until('all of them', () => messages.length === 130)
  const history = room.getMessageHistory()
  expect(history.map(({ message }) => message.number)).toEqual(Array.from({ length: 100 }, (_, index) => index + 30))
  expect(history[99]).toMatchObject({ type: 'room_message', room_id: 'history', from_client_id: 'server', from: 'server' })
  room.setMaxHistorySize(3)
  expect(room.getMessageHistory().map(({ message }) => message.number)).toEqual([127, 128, 129])
  room.clearMessageHistory()
  expect(room.getMessageHistory()).toEqual([])
})

test('a rejected join reports the reason, also without a connection', async () => {
  await post('rooms', { id: 'full', maxConnections: 1 })
  const [one, two] = [await join('first_in'), await join('second_in')]
  await one.joinRoom('full')
  await expect(two.joinRoom('full')).rejects.toMatchObject({ code: 'room_full', roomId: 'full' })
  expect(two.getRoom('full')).toBeUndefined()
  await expect(two.joinRoom('')).rejects.toMatchObject({ code: expect.any(String) })
  two.disconnect()
  await expect(two.joinRoom('later')).rejects.toMatchObject({ code: 'not_connected' })
  await expect(two.send('x')).rejects.toMatchObject({ code: 'not_connected' })
  one.disconnect()
  const reader = createWebSocketClient({ url: server.ws, webSocket: WebSocket })
  await reader.connect()
  await expect(reader.joinRoom('x')).rejects.toMatchObject({ hint: 'connect to /ws to use rooms' })
})

test('leaves a deleted room', async () => {
  const client = await join('left_behind')
  const room = await client.joinRoom('short-lived')
  const left = once(room, 'left')
  const told = once(client, 'roomLeft')
  await fetch(new URL('rooms/short-lived', server.url), { method: 'DELETE' })
  expect(await told).toEqual(['short-lived', 'deleted'])
  expect(await left).toEqual(['deleted'])
  expect(room.isJoinedToRoom()).toBe(false)
})

test('plain messages are echoed and broadcast to the others', async () => {
  const [one, two] = [await join('speaks'), await join('listens')]
  const echo = new Promise((resolve) => one.on('message', (message) => message.type === 'echo' && resolve(message)))
  const heard = new Promise((resolve) => two.on('message', (message) => message.type === 'broadcast' && resolve(message)))
  await one.send({ text: 'to all' })
  expect(await echo).toMatchObject({ data: { text: 'to all' } })
  expect(await heard).toMatchObject({ data: { text: 'to all' }, fromClientId: 'speaks' })
  const plain = new Promise((resolve) => two.on('message', ({ data }) => data === 'just text' && resolve(data)))
  await one.send('just text')
  expect(await plain).toBe('just text')
  await one.setMetadata('team', 'red')
  await until('the metadata', async () => (await (await fetch(new URL('connections/speaks', server.url))).json()).metadata?.team === 'red')
})

test('a taken client ID is a final error', async () => {
  const one = await join('the_one')
  const two = createWebSocketClient({ url: `${server.ws}/ws`, clientId: 'the_one', webSocket: WebSocket, reconnectDelay: 5 })
  const [error, gone] = [once(two, 'error'), once(two, 'disconnected')]
  await two.connect()
  expect((await error)[0]).toMatchObject({ code: 'client_id_taken' })
  expect((await gone)[0]).toMatchObject({ code: 1008, reason: 'client_id_taken', final: true })
})

test('rejoins rooms after a break, although the server still holds the client ID', async () => {
  const wire = await proxy(() => server.port)
  const client = createWebSocketClient({ url: `${wire.ws}/ws`, clientId: 'comes_back', webSocket: WebSocket, reconnectDelay: 10, maxReconnectDelay: 50 })
  await client.connect()
  const room = await client.joinRoom('again')
  const [left, taken] = [once(room, 'left'), once(client, 'error')]
  wire.halve()
  expect(await left).toEqual(['connection_lost'])
  expect((await taken)[0]).toMatchObject({ code: 'client_id_taken' })
  expect(client.getStatus()).not.toBe('disconnected')
  // The server notices the break.
  wire.cut()
  await expect(client.sendToRoom('again', 'x')).rejects.toMatchObject({ code: 'not_in_room' })
  await once(client, 'roomJoined')
  expect(room.isJoinedToRoom()).toBe(true)
  const heard = once(room, 'message')
  await post('rooms/again/messages', { message: 'welcome back' })
  expect((await heard)[0]).toBe('welcome back')
})

test('is only connected again when it has its client ID, so that nothing is sent to a server that refuses it', async () => {
  const wire = await proxy(() => server.port)
  const client = createWebSocketClient({ url: `${wire.ws}/ws`, clientId: 'is_sure', webSocket: WebSocket, reconnectDelay: 5, maxReconnectDelay: 5 })
  const welcome = once(client, 'welcome')
  await client.connect()
  await welcome
  const [back, taken] = [once(client, 'connected'), once(client, 'error')]
  const echo = new Promise((resolve) => client.on('message', ({ type, data }) => type === 'echo' && resolve(data)))
  void back.then(() => client.send('hello'))
  wire.halve()
  expect((await taken)[0]).toMatchObject({ code: 'client_id_taken' })
  wire.cut()
  expect((await back)[0]).toMatchObject({ reconnected: true })
  expect(await echo).toBe('hello')
})

test('/ws delivers the feed along with rooms', async () => {
  const client = await join('reads_and_talks', { types: ['gift'] })
  const gift = once(client, 'event:gift')
  await post('inject', { type: 'chat', user: 'ann', comment: 'not asked for' })
  await post('inject', { type: 'gift', user: 'ann', gift: 'Rose', count: 3 })
  const [event] = await gift
  expect(event.data).toMatchObject({ sender: 'ann', giftName: 'Rose', repeatCount: 3, repeatDelta: 3 })
  expect(client.getStats().events).toBe(1)
})

test('leaving the room of a feed turns the feed off, even across a break; joining turns it on', async () => {
  const { url, port } = await serve(['replay', 'recordings/short.bin', '--port', '0', '--speed', '0.1'])
  const wire = await proxy(() => port)
  const client = createWebSocketClient({ url: `${wire.ws}/ws`, clientId: 'listener', webSocket: WebSocket, reconnectDelay: 5, types: ['question'] })
  // The room exists from the first frame on, which may arrive after the first answer.
  let feed
  while (!feed) feed = (await (await fetch(`${url}/rooms`)).json()).rooms.map(({ id }) => id).find((id) => id.startsWith('user:'))
  await client.connect()
  const seen = []
  client.on('event', ({ data }) => seen.push(data.questionText))
  const ask = (question) => fetch(`${url}/inject`, { method: 'POST', body: JSON.stringify({ type: 'question', user: 'ann', question }) })
  // The client's own message comes back after everything sent to it before.
  const passed = async (text) => {
    const echo = new Promise((resolve) => client.on('message', ({ type, data }) => type === 'echo' && data === text && resolve()))
    await client.send(text)
    await echo
  }
  const first = once(client, 'event')
  await ask('heard')
  await first
  await client.leaveRoom(feed)
  await ask('not heard')
  await passed('one')
  const back = once(client, 'connected')
  wire.cut()
  await back
  await ask('not heard either')
  await passed('two')
  await client.joinRoom(feed)
  const last = once(client, 'event')
  await ask('heard again')
  await last
  expect(seen).toEqual(['heard', 'heard again'])
  const refused = once(client, 'error')
  await expect(client.sendToRoom(feed, 'x')).resolves.toBeUndefined()
  expect((await refused)[0]).toMatchObject({ code: 'read_only_room' })
})

test('a URL without rooms is named on the console, once, with the right one', async () => {
  const right = `${server.ws}/ws`
  for (const [path, what] of [['/', 'is read-only'], ['/chat', 'does not exist']]) {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const client = createWebSocketClient({ url: `${server.ws}${path}`, clientId: 'user123', webSocket: WebSocket })
    const connected = await client.connect().then(() => true, (error) => error)
    if (path === '/') expect(connected).toBe(true)
    else expect(connected).toMatchObject({ code: 'not_found' })
    // As in the documents of RNode Server, nothing is awaited.
    void client.joinRoom('general')
    void client.send('hello', 'general')
    void client.send('hello')
    expect(warn.mock.calls).toEqual([[expect.stringContaining(`${server.ws}${path} ${what}`)]])
    expect(warn.mock.calls[0][0]).toContain(right)
    client.disconnect()
    warn.mockRestore()
  }
})
