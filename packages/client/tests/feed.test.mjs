// The feed of a real server: where it resumes, and which losses it reports.

import { expect, test } from 'vitest'
import { WebSocket } from 'ws'

import { ask, eventsOf, once, recording, until } from '../../../tests/support/livetape.mjs'
import { createWebSocketClient, proxy, serve } from './given.mjs'

/** Requests every gift message, as `livetape events` prints them. */
const FAST = { webSocket: WebSocket, gifts: 'raw', reconnectDelay: 10, maxReconnectDelay: 200 }

const unplaced = ({ stream: _, ...event }) => event
const isLast = ({ type, data }) => type === 'disconnected' && data.reason === 'recording_ended'

/** Random numbers from a seed, so that a failure can be reproduced. */
function random(seed) {
  let state = seed
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

test('delivers each event once and in order over a connection that breaks many times', async () => {
  const seed = Number(process.env.LIVETAPE_TEST_SEED ?? 1)
  console.log(`LIVETAPE_TEST_SEED=${seed}`)
  const next = random(seed)
  const server = await serve(['replay', recording('demo'), '--port', '0', '--speed', '60', '--wait-clients', '1'])
  // Twenty events or so, and never none.
  const wire = await proxy(() => server.port, { bytes: () => Math.floor((8 + 16 * next()) * 1024) })
  const [events, losses, waits] = [[], [], []]
  const client = createWebSocketClient({ ...FAST, url: wire.ws, maxReconnectAttempts: Infinity, onLoss: (loss) => losses.push(loss) })
  client.on('disconnected', ({ code }) => waits.push(code))
  client.on('event', (event) => events.push(event))
  await client.connect()
  await until('the end', () => events.some(isLast), 50_000)
  const want = (await eventsOf('demo')).map(unplaced)
  expect(losses).toEqual([])
  expect(events.map(unplaced)).toEqual(want)
  expect(waits.length).toBeGreaterThan(30)
  expect(client.getStats().connections).toBeGreaterThan(30)
  console.log(`${events.length} events over ${client.getStats().connections} connections, ${client.getStats().repeated} repeated`)
})

test('keeps its filter across breaks', async () => {
  const server = await serve(['replay', recording('gifts'), '--port', '0', '--speed', '200', '--wait-clients', '1'])
  const wire = await proxy(() => server.port)
  const [events, losses] = [[], []]
  const client = createWebSocketClient({ ...FAST, url: wire.ws, types: ['gift', 'disconnected'], gifts: 'final', since: 0, maxReconnectAttempts: Infinity })
  client.on('loss', (loss) => losses.push(loss))
  client.on('event', (event) => events.push(event) % 10 === 0 && wire.cut())
  await client.connect()
  await until('the end', () => events.some(isLast), 50_000)
  const want = (await eventsOf('gifts', '--types', 'gift,disconnected', '--gifts', 'final')).map(unplaced)
  expect(events.map(unplaced)).toEqual(want)
  expect(losses).toEqual([])
})

test('reports a restarted server as a new stream with a loss', async () => {
  const args = ['replay', recording('short'), '--port', '0', '--speed', '5']
  let server = await serve(args)
  const wire = await proxy(() => server.port)
  const told = []
  const client = createWebSocketClient({ ...FAST, url: wire.ws, since: 0, maxReconnectAttempts: Infinity })
  for (const name of ['loss', 'streamChanged', 'disconnected']) client.on(name, (what) => told.push([name, what]))
  const events = []
  client.on('event', (event) => events.push(event))
  await client.connect()
  await until('events', () => events.length > 3)
  // Events in flight still arrive.
  const gone = once(client, 'disconnected')
  await server.stop('SIGKILL')
  await gone
  const before = client.position
  server = await serve(args)
  const [change] = await once(client, 'streamChanged')
  expect(change.from).toBe(before.split(':')[0])
  expect(change.to).not.toBe(change.from)
  expect(told.map(([name]) => name)).toEqual(['disconnected', 'disconnected', 'loss', 'streamChanged'])
  expect(told[1][1]).toMatchObject({ code: 4001, final: false })
  expect(told[2][1]).toEqual({ reason: 'stream_changed', after: before })
  // It starts over with the whole new backlog, as it began.
  await until('an event of the new stream', () => events.some(({ stream }) => stream === change.to))
  const fresh = events.filter(({ stream }) => stream === change.to)
  expect(fresh[0].seq).toBe(1)
})

test('starts over when the whole backlog comes again after a lost position', async () => {
  const server = await serve(['replay', recording('gifts'), '--port', '0', '--speed', 'max', '--case', 'position-lost'])
  const client = createWebSocketClient({ ...FAST, url: server.ws ?? server.url.replace('http', 'ws'), since: 0 })
  let [diamonds, times] = [0, 0]
  client.on('startOver', () => (diamonds = 0, times += 1))
  client.on('event:gift', ({ data }) => (diamonds += data.diamonds))
  await client.connect()
  await once(client, 'event:disconnected')
  expect([diamonds, times]).toEqual([(await ask(server.url, 'truth')).diamonds, 1])
})

test('tells when a replay starts over: with each lap, and when the server restarts', async () => {
  const args = ['replay', recording('gifts'), '--port', '0', '--speed', '1000', '--loop', '3', '--wait-clients', '1']
  let server = await serve(args)
  const wire = await proxy(() => server.port)
  const heard = []
  // A filter without `connection_created`, which begins each lap.
  const client = createWebSocketClient({ ...FAST, gifts: 'delta', url: wire.ws, types: ['gift', 'like'], since: 0, maxReconnectAttempts: Infinity })
  client.on('startOver', ({ stream }) => heard.push(stream))
  const ids = []
  client.on('event', ({ id, data }) => ids.push([heard.length, id ?? data.streakId]))
  let last
  const ended = () => until(() => `the end: ${JSON.stringify(last)}`, async () => {
    last = await ask(server.url, 'replay')
    return last.state === 'ended' && last.lap === 3
  })
  await client.connect()
  await ended()
  await until('three laps', () => ids.at(-1)?.[1].endsWith('~3'))
  expect(heard).toHaveLength(2)
  for (const [laps, id] of ids) expect([laps, id]).toEqual([laps, expect.stringMatching([/^[^~]+$/, /~2$/, /~3$/][laps])])
  await server.stop()
  server = await serve(args)
  await ended()
  await until('three laps more', () => heard.length === 5)
  expect(new Set(heard).size).toBe(2)
})

test('another client resumes at a saved position', async () => {
  const { ws } = await serve(['replay', recording('short'), '--port', '0', '--speed', '1000', '--wait-clients', '1'])
  const one = createWebSocketClient({ ...FAST, url: ws })
  const first = []
  one.on('event', (event) => (first.push(event), first.length === 20 && one.disconnect()))
  await one.connect()
  await until('twenty', () => first.length >= 20)
  expect(first).toHaveLength(20)
  expect(one.getStatus()).toBe('disconnected')

  const two = createWebSocketClient({ ...FAST, url: ws, since: one.position })
  const rest = []
  two.on('event', (event) => rest.push(event))
  await two.connect()
  await until('the end', () => rest.some(isLast))
  const all = (await eventsOf('short')).map(unplaced)
  expect([...first, ...rest].map(unplaced)).toEqual(all)
  two.disconnect()

  // The first client also resumes where it stopped.
  await one.connect()
  await until('the end', () => first.some(isLast))
  expect(first.map(unplaced)).toEqual(all)
})

test('reports a gap and its size if the backlog no longer has the position', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'])
  const inject = (body) => fetch(`${url}/inject`, { method: 'POST', body: JSON.stringify(body) })
  const client = createWebSocketClient({ ...FAST, url: ws, types: ['chat'] })
  await client.connect()
  const chat = once(client, 'event:chat')
  await inject({ type: 'chat', user: 'ann', comment: 'first' })
  const [{ seq }] = await chat
  client.disconnect()
  // 170 streaks of 100 exceed the backlog of 16,384 events.
  for (let streak = 0; streak < 170; streak += 1) await inject({ type: 'gift', user: `u${streak}`, gift: 'Rose', count: 99, combo: true })
  const loss = once(client, 'loss')
  await client.connect()
  const [{ reason, from, to, count }] = await loss
  expect(reason).toBe('gap')
  expect(from).toBe(seq + 1)
  expect(count).toBe(to - from + 1)
  expect(client.getStats().lost).toBe(count)
  const again = once(client, 'event:chat')
  await inject({ type: 'chat', user: 'ann', comment: 'second' })
  expect((await again)[0].data.comment).toBe('second')
})

test('for await returns all events, filters them, and ends with the recording', async () => {
  const { ws, ended } = await serve(['replay', recording('short'), '--port', '0', '--speed', 'max', '--exit-when-done'])
  const client = createWebSocketClient({ ...FAST, url: ws })
  const loops = [client.events(), client.events({ types: ['chat'] })]
  await client.connect()
  const [all, chats] = await Promise.all(loops.map(async (loop) => {
    const seen = []
    for await (const event of loop) seen.push(event)
    return seen
  }))
  const want = await eventsOf('short')
  expect(all.map(unplaced)).toEqual(want.map(unplaced))
  expect(chats.map(unplaced)).toEqual(want.filter(({ type }) => type === 'chat').map(unplaced))
  expect(client.getStatus()).toBe('disconnected')
  expect(await ended).toBe(0)
})

test('a slow loop either reports its losses or throws', async () => {
  const { ws } = await serve(['replay', recording('short'), '--port', '0', '--speed', 'max', '--exit-when-done'])
  const client = createWebSocketClient({ ...FAST, url: ws })
  const losses = []
  client.on('loss', (loss) => losses.push(loss))
  const seqs = []
  client.on('event', ({ seq }) => seqs.push(seq))
  const [slow, strict] = [client.events({ bufferSize: 5 }), client.events({ bufferSize: 5, overflow: 'throw' })]
  const over = once(client, 'disconnected')
  await client.connect()
  await over
  const { events, lost } = client.getStats()
  const kept = []
  for await (const event of slow) kept.push(event.seq)
  expect(kept).toEqual(seqs.slice(-5))
  expect(events).toBe(seqs.length)
  expect(lost).toBe(events - 5)
  expect(losses.every(({ reason }) => reason === 'buffer_full')).toBe(true)
  await expect((async () => { for await (const _ of strict); })()).rejects.toMatchObject({ code: 'buffer_full' })
})

test('signals end a loop and a client', async () => {
  const { ws } = await serve(['serve', '--port', '0'])
  const [ofLoop, ofClient] = [new AbortController(), new AbortController()]
  const client = createWebSocketClient({ ...FAST, url: ws, signal: ofClient.signal })
  await client.connect()
  const loop = client.events({ signal: ofLoop.signal })
  const next = loop.next()
  ofLoop.abort(new Error('enough'))
  await expect(next).rejects.toThrow('enough')
  const other = client.events()
  const waiting = other.next()
  ofClient.abort()
  expect(await waiting).toEqual({ value: undefined, done: true })
  expect(client.getStatus()).toBe('disconnected')
  await expect(client.connect()).rejects.toThrow()
  const early = createWebSocketClient({ ...FAST, url: 'ws://127.0.0.1:1', maxReconnectAttempts: Infinity, signal: AbortSignal.timeout(50) })
  await expect(early.connect()).rejects.toThrow(/timeout/i)
})
