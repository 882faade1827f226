// Tapes: what a test can observe and control, and the reader of their feed.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'

import { afterEach, describe, expect, test as plain } from 'vitest'
import { WebSocket } from 'ws'
import { test } from '@livetape/testing/vitest'

import { recording, until } from '../../../tests/support/livetape.mjs'
import { Feed } from '../src/feed.ts'

/** Events of a connected client, and its close codes. */
function connect(url) {
  const client = { events: [], closes: [], socket: new WebSocket(url) }
  client.socket.on('message', (text) => client.events.push(JSON.parse(text))).on('close', (code) => client.closes.push(code)).on('error', () => {})
  return client
}

test('a finished tape has counted events, diamonds and losses', async ({ startTape }) => {
  const tape = await startTape({ speed: 'max', waitClients: 0 })
  expect(tape.url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/$/)
  expect(tape.http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const finished = await tape.finished()
  expect(finished).toMatchObject({ diamonds: 114, lost: null })
  expect(finished.byType).toMatchObject({ chat: 63, connection_created: 1, disconnected: 1 })
  expect(finished.events).toBe(Object.values(finished.byType).reduce((sum, count) => sum + count))
  expect(tape.events()).toHaveLength(finished.events)
  expect(tape).toHaveSent('chat', 63)
  expect(tape).not.toHaveSent('envelope_that_does_not_exist')
  expect(() => expect(tape).toHaveSent('chat', 1)).toThrow('expected 1 event of type chat, got 63')
})

test('the truth is what a client counts, after each event', async ({ startTape }) => {
  const tape = await startTape({ speed: 'max' })
  const client = connect(tape.url)
  await tape.finished()
  const truth = await tape.truth()
  await until('the client has read everything', () => client.events.at(-1)?.seq === truth.seq)
  const gifts = client.events.filter(({ type }) => type === 'gift').map(({ data }) => data)
  expect(truth).toMatchObject({ stream: client.events[0].stream, chats: 63, diamonds: 114, top_gifter: 'umbra_walnut0518' })
  expect(truth.gifts).toBe(gifts.reduce((sum, { repeatDelta }) => sum + repeatDelta, 0))
  expect(truth.users.umbra_walnut0518).toBe(gifts.reduce((sum, { sender, diamonds }) => sum + (sender === 'umbra_walnut0518' ? diamonds : 0), 0))
  const chat = client.events.find(({ type }) => type === 'chat')
  expect((await tape.truth(chat.seq)).chats).toBe(1)
  await expect(tape.truth(truth.seq + 1)).rejects.toThrow(/after the newest/)
})

test('hundreds of messages can be sent at once', async ({ startTape }) => {
  const tape = await startTape({ hold: true })
  const sent = await Promise.all(Array.from({ length: 300 }, (_, i) => tape.send.chat({ user: 'ann', comment: `${i}` })))
  expect(new Set(sent.flatMap(({ seqs }) => seqs)).size).toBe(300)
})

test('the first event waits for a client, which receives every event', async ({ startTape }) => {
  const tape = await startTape({ recording: recording('short'), speed: 'max' })
  expect(tape).not.toHaveSent('connection_created')
  const client = connect(`${tape.url}?gifts=delta`)
  await tape.waitForClients(1)
  await expect(tape).toHaveClients(1)
  await expect(tape).toBeDrained()
  const { events } = await tape.finished()
  await until('the client has read everything', () => client.events.length === events)
  await tape.stop()
  await until('the client is closed', () => client.closes.length)
  expect(client.closes).toEqual([1001])
})

test('start, end and laps select the events', async ({ startTape }) => {
  const all = { speed: 'max', waitClients: 0 }
  const [whole, start, end, twice] = await Promise.all(
    [{}, { start: 201 }, { end: '201s' }, { laps: 2 }].map(async (part) => (await (await startTape({ ...all, ...part })).finished()).byType.chat),
  )
  expect(start + end).toBe(whole)
  expect(twice).toBe(2 * whole)
})

test('hold waits for play, and pause, step and seek work', async ({ startTape }) => {
  const tape = await startTape({ hold: true, speed: 'max', timeout: 300 })
  connect(tape.url)
  await tape.waitForClients(1)
  await expect(tape.finished()).rejects.toThrow('the recording did not end: it is held until `play()` is called')
  await tape.step(3)
  await expect(tape.finished()).rejects.toThrow('the recording did not end: it is paused')
  expect(tape.events().length).toBeGreaterThanOrEqual(3)
  await tape.seek('6m')
  await tape.play()
  const { byType } = await tape.finished()
  expect(byType.chat).toBeLessThan(63)
  await expect(tape.seek('1h')).rejects.toMatchObject({ code: 'bad_request' })
})

test('a recording that waits for clients says who is connected', async ({ startTape }) => {
  const tape = await startTape({ waitClients: 2, timeout: 300 })
  connect(tape.url)
  await tape.waitForClients(1)
  await expect(tape.finished()).rejects.toThrow('the recording did not end: it waits for clients, 1 connected; connected now: / (')
})

test('after the end, seek and play start again, and finished waits for the next end', async ({ startTape }) => {
  const tape = await startTape({ speed: 'max', waitClients: 0 })
  const once = await tape.finished()
  await tape.seek('6m')
  const more = await tape.finished()
  expect(more.byType.disconnected).toBe(2)
  expect(more.byType.chat).toBeGreaterThan(once.byType.chat)
  await expect(tape.seek('1h')).rejects.toMatchObject({ code: 'bad_request' })
  expect(await tape.finished()).toEqual(more)
  await tape.play()
  expect((await tape.finished()).byType.chat).toBe(once.byType.chat + more.byType.chat)
})

test('every kind of event can be sent, and is counted at once', async ({ startTape }) => {
  const tape = await startTape({ hold: true })
  const client = connect(`${tape.url}?raw=1`)
  await tape.waitForClients(1)
  const { send } = tape
  const user = { uniqueId: 'ann', nickname: 'Ann ♥' }
  const gift = await send.gift({ user, gift: 'Rose', count: 3, combo: true })
  expect(gift).toMatchObject({ ids: { length: 4 }, seqs: { length: 4 }, delivered: 1 })
  expect(tape).toHaveSent('gift', 4)
  await send.gift({ user, gift: 'Boat', diamonds: 500 })
  await send.chat({ user: 'ann', comment: 'hi' })
  await send.like({ user, count: 15 })
  await send.join({ user })
  await send.follow({ user })
  await send.share({ user })
  await send.subscribe({ user, months: 3 })
  await send.question({ user, question: 'Tea?' })
  await send.emote({ user, emoteId: '1' })
  await send.envelope({ user, diamonds: 100 })
  await send.battle({ user, opponent: 'ben', points: 3 })
  await send.poll({ user, question: 'Tea?', options: ['yes', 'no'] })
  await send.viewers({ viewerCount: 12 })
  await send.raw({ method: 'WebcastSurpriseMessage', payload: Uint8Array.of(8, 1) })
  const end = await send.end()
  for (const type of ['chat', 'like', 'member', 'subscribe', 'question', 'emote', 'envelope', 'battle', 'poll', 'room_user', 'control']) expect(tape).toHaveSent(type, 1)
  expect(tape).toHaveSent('social', 2)
  await until('the client has the last event', () => client.events.at(-1).seq === end.seqs[0])
  expect(client.events.find(({ type }) => type === 'unknown').data).toMatchObject({ method: 'WebcastSurpriseMessage', payload: 'CAE=' })
  expect(client.events.every(({ injected }) => injected)).toBe(true)
})

describe('mistakes', () => {
  test('an unknown gift is rejected with the nearest names', async ({ startTape }) => {
    const { send } = await startTape({ hold: true })
    const rejected = expect(send.gift({ user: 'ann', gift: 'Rosse' })).rejects
    await rejected.toMatchObject({ code: 'bad_request', hint: expect.stringContaining('did you mean `Rose`?') })
    await expect(send.gift({ user: 'ann', gift: 'Rosse' })).rejects.toThrow('unknown gift `Rosse`')
  })

  test.for([0, 1e9, -1, 1.5])('a count of %d is rejected with the range', async (count, { startTape }) => {
    const { send } = await startTape({ hold: true })
    await expect(send.gift({ user: 'ann', gift: 'Rose', count })).rejects.toThrow(/`count` is .*\n  hint: (choose a number from 1 to 1000000|send for example "count": 5)$/)
  })

  test('a client that never connects is reported with those who did', async ({ startTape }) => {
    const tape = await startTape({ hold: true })
    connect(`${tape.url}?observer=1`)
    connect(`${tape.url}ws?client_id=alerts`)
    await tape.waitForClients(1)
    const waiting = tape.waitForClients(2, { timeout: 100 })
    await expect(waiting).rejects.toThrow(/^1 of 2 clients connected within 0\.1 s; connected now: .*\/ws \(alerts\)[^]*last lines of livetape replay demo[^]*Client connected/)
    await expect(waiting).rejects.toThrow('/ (observer)')
  })

  test('a close code that a server may not send is rejected, with those that it may', async ({ startTape }) => {
    const tape = await startTape({ hold: true })
    for (const code of [1004, 1006, 1015, 2999, 5000, 1000.5, NaN]) {
      await expect(tape.drop(code)).rejects.toThrow(/^the close code is .*\n  hint: .*1000 to 1003, 1007 to 1014, 3000 to 4999; .*drop\(\{ abort: true \}\)$/)
    }
    await expect(tape.drop({ abrt: true })).rejects.toThrow('did you mean `abort`?')
    for (const how of [{}, { abort: false }, { abort: 1 }, null, '1011', [1011]]) await expect(tape.drop(how)).rejects.toMatchObject({ code: 'bad_request' })
  })

  test('aborted clients get no close frame, and may reconnect', async ({ startTape }) => {
    const tape = await startTape({ hold: true })
    for (const url of [tape.url, `${tape.url}ws`]) {
      const { closes } = connect(url)
      await tape.waitForClients(1)
      expect(await tape.drop({ abort: true })).toBe(1)
      await until('a close', () => closes.length > 0)
      expect(closes).toEqual([1006])
      expect(await tape.clients()).toBe(0)
    }
  })

  test('a damaged recording is played as far as possible, and reported', async ({ startTape }) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-test-'))
    const bytes = await readFile(recording('demo'))
    bytes[40_000] ^= 0xff
    await writeFile(path.join(folder, 'flipped.bin'), bytes)
    await writeFile(path.join(folder, 'cut.bin'), bytes.subarray(0, 60_000))
    const play = async (name) => (await startTape({ recording: path.join(folder, name), speed: 'max', waitClients: 0 })).finished()
    expect((await play('flipped.bin')).lost).toEqual({ records: 1, bytes: expect.any(Number), undecoded: 0, unsealed: false })
    const cut = await play('cut.bin')
    expect(cut.lost).toMatchObject({ unsealed: true })
    expect(cut.byType.chat).toBeGreaterThan(0)
  })
})

test('dropped clients can reconnect at once, and miss nothing if they resume', async ({ startTape }) => {
  const tape = await startTape({ end: 1, speed: 'max' })
  const first = connect(tape.url)
  await tape.waitForClients(1)
  await tape.finished()
  await until('the client has an event', () => first.events.length)
  expect(await tape.drop(4321)).toBe(1)
  await until('it is closed', () => first.closes.length)
  expect(first.closes).toEqual([4321])
  expect(await tape.send.chat({ user: 'ann', comment: 'while away' })).toMatchObject({ delivered: 0 })
  const { stream, seq } = first.events.at(-1)
  const second = connect(`${tape.url}?since=${stream}:${seq}`)
  await until('the missed event', () => second.events.length)
  expect(second.events[0].data.comment).toBe('while away')
})

test('a tape never contacts other machines', async ({ startTape }) => {
  const tape = await startTape({ end: 1, speed: 'max', waitClients: 0 })
  await tape.finished()
  await fetch(`${tape.http}/connect/demo`, { method: 'DELETE' })
  const response = await fetch(`${tape.http}/connect/ann`, { method: 'POST' })
  expect([response.status, (await response.json()).error.code]).toEqual([403, 'offline_mode'])
})

test('with a mock, the server connects to it, and its rooms play the same recording', async ({ startTape }) => {
  const tape = await startTape({ recording: recording('short'), speed: 'max', waitClients: 0, mock: {} })
  await tape.finished()
  const user = (await tape.mock.received('connection')).length
  expect(user).toBe(0)
  await fetch(`${tape.http}/connect/short`, { method: 'DELETE' })
  expect((await fetch(`${tape.http}/connect/ann`, { method: 'POST' })).status).toBe(200)
  await expect(tape.mock).toHaveReceived('connection', 1)
})

// The reader of the feed, against a server of our own.

const event = (seq, type, data = {}) => ({ type, seq, stream: 's', data })
const servers = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))

/** Serves a list of lines for each request. Returns the address, and the queries so far. */
async function serve(...answers) {
  const queries = []
  const server = createServer(({ url }, response) => {
    queries.push(url)
    const { lines, isOpen, isBroken } = answers[queries.length - 1]
    response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    if (isBroken) setTimeout(() => response.destroy(), 20)
    else if (!isOpen) response.end()
  })
  servers.push(server)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { http: `http://127.0.0.1:${server.address().port}`, queries }
}

plain('a reader that falls behind resumes, and counts what it missed', async () => {
  const slow = event(2, 'error', { code: 'slow_consumer' })
  const { http, queries } = await serve(
    { lines: [event(1, 'chat'), event(2, 'gift'), slow] },
    { lines: [{ type: 'gap', from: 3, to: 7 }, event(8, 'gift'), event(9, 'disconnected')], isOpen: true },
  )
  const feed = await Feed.open(http)
  expect(await feed.until(({ hasEnded }) => hasEnded, 5_000)).toBe(true)
  expect(feed).toMatchObject({ missed: 5, byType: { chat: 1, gift: 2, disconnected: 1 } })
  expect(queries.map((query) => /since=.*/.exec(query)[0])).toEqual(['since=0', 'since=s:2'])
})

plain('errors of the room are events, a play after the end starts again, and only the last events are kept', async () => {
  const many = Array.from({ length: 5_000 }, (_, i) => event(i + 4, 'like'))
  const { http } = await serve({ lines: [event(1, 'error', { code: 'user_offline' }), event(2, 'disconnected'), event(3, 'connection_created'), ...many, event(5_004, 'unknown')], isOpen: true })
  const feed = await Feed.open(http)
  expect(await feed.reached(5_004, 5_000)).toBe(true)
  expect(feed).toMatchObject({ hasEnded: false, byType: { error: 1, like: 5_000 } })
  expect(feed.byType.unknown).toBeUndefined()
  expect(feed.events.length).toBeLessThanOrEqual(2_000)
  expect(await feed.until(({ hasEnded }) => hasEnded, 20)).toBe(false)
})

plain.each([{}, { isBroken: true }])('the end of the server ends every wait: %o', async (how) => {
  const { http } = await serve({ lines: [event(1, 'chat')], ...how })
  const feed = await Feed.open(http)
  expect(await feed.until(({ hasEnded }) => hasEnded, 5_000)).toBe(true)
  expect(feed.hasEnded).toBe(false)
})
