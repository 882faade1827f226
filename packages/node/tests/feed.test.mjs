// The feed in process: events, replays, injected events, recordings, frames, and the mock.

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { createApp, decode, MockTikTok, readRecording } from '@livetape/node'
import { start } from './support.mjs'

const RECORDING = fileURLToPath(new URL('../../../recordings/short.bin', import.meta.url))

test('events of a replay arrive in order, from before the start', async (t) => {
  const app = createApp({ replay: 'demo', speed: 'max' })
  t.after(() => app.close())
  const events = app.events({ types: ['chat', 'disconnected'] })
  await app.listen()
  const seen = []
  for await (const event of events) {
    if (event.type === 'disconnected') break
    seen.push(event)
  }
  assert.equal(seen.length, 63)
  assert.ok(seen.every((event, index) => event.type === 'chat' && (index === 0 || event.seq > seen[index - 1].seq)))
  const resumed = app.events({ types: ['chat'], since: `${seen[61].stream}:${seen[61].seq}` })
  assert.equal((await resumed.next()).value.seq, seen[62].seq)
  await resumed.return()
})

test('a loop ends with its signal, with return, and with the app', async (t) => {
  const { app } = await start(t)
  const abort = new AbortController()
  const [one, two, three] = [app.events({ signal: abort.signal }), app.events(), app.events()]
  const waiting = [one.next(), two.next(), three.next()]
  abort.abort()
  assert.deepEqual(await waiting[0], { done: true, value: undefined })
  await two.return()
  assert.equal((await waiting[1]).done, true)
  await app.close()
  assert.equal((await waiting[2]).done, true)
  assert.equal((await app.events({ signal: AbortSignal.abort() }).next()).done, true)
})

test('bad options of events are reported', async (t) => {
  const { app } = await start(t)
  assert.throws(() => app.events({ types: ['gfit'] }), { code: 'bad_request', hint: /gift/ })
  assert.throws(() => app.events({ since: 'other:1' }), { code: 'unknown_position' })
  assert.throws(() => app.events({ gifts: 'some' }), { code: 'bad_request' })
})

test('a replay is loaded, paused, sought, stepped and sped up', async (t) => {
  const { app } = await start(t)
  assert.equal(app.replay.state, null)
  await assert.rejects(() => app.replay.pause(), { code: 'no_replay' })
  await assert.rejects(() => app.replay.load('../secret'), { code: /bad_request|recording_not_found/ })
  assert.equal((await app.replay.load('demo')).recording, 'demo')
  assert.equal((await app.replay.pause()).state, 'paused')
  assert.equal((await app.replay.seek('1m')).offsetMs, 60_000)
  assert.equal((await app.replay.seek(30)).offsetMs, 30_000)
  assert.equal((await app.replay.speed(4)).speed, 4)
  assert.equal((await app.replay.speed('max')).speed, 'max')
  assert.equal((await app.replay.step(2)).state, 'paused')
  assert.equal((await app.replay.play()).state, 'playing')
  for (const offset of ['soon', -1, NaN, null]) await assert.rejects(() => app.replay.seek(offset), { code: 'bad_request' })
  await assert.rejects(() => app.replay.step(0), { code: 'bad_request' })
  await assert.rejects(() => app.replay.speed(1e9), { code: 'bad_request' })
})

test('an injected event reaches the loop', async (t) => {
  const { app } = await start(t)
  const events = app.events({ types: ['chat'] })
  const { seqs } = await app.inject({ type: 'chat', user: 'ann', comment: 'hi' })
  const { value } = await events.next()
  assert.deepEqual([value.seq, value.data.comment, value.injected], [seqs[0], 'hi', true])
  await assert.rejects(() => app.inject({ type: 'gfit' }), { code: 'bad_request' })
  await assert.rejects(() => app.inject({ type: 'gift', user: 'ann', gift: 'Rose', count: -1 }), { code: 'bad_request' })
  await events.return()
})

test('an app connects to a mock, which checks what the app does', { timeout: 60_000 }, async (t) => {
  const mock = await MockTikTok.start('ann')
  t.after(() => mock.close())
  mock.expect('connection', 1).expect('/webcast/im/fetch/', { max: 5 }).expect('enter', { min: 1 })
  const { app } = await start(t, undefined, { upstream: mock.url, offline: true })
  const events = app.events({ types: ['chat'] })
  assert.equal((await app.connect('ann')).username, 'ann')
  assert.equal(app.status().state, 'connected')
  for await (const event of events) if (event.type === 'chat') break
  assert.ok(mock.received().some(({ what }) => what === 'upgrade'))
  mock.verify()
  mock.expect('close:4999', 1)
  assert.throws(() => mock.verify(), { code: 'unmet', message: /close/ })
  await assert.rejects(() => app.connect('nobody'), { code: 'user_not_found' })
  await assert.rejects(() => app.connect('not a name!'), { code: 'invalid_username' })
  await assert.rejects(() => MockTikTok.start({ toml: 'nonsense = [' }), { code: 'bad_request' })
  await assert.rejects(() => MockTikTok.start({ file: 'no such file' }), { code: 'io' })
  await assert.rejects(() => MockTikTok.start({ other: 'x' }), { code: 'bad_request' })
})

test('a recording is read as events without a server', async () => {
  const recording = await readRecording(RECORDING)
  const types = []
  for await (const { type } of recording) types.push(type)
  assert.ok(types.length > 5 && types[0] === 'connection_created' && types.at(-1) === 'disconnected', types.join())
  assert.equal(await recording.loss(), null)
  await assert.rejects(() => readRecording('no such recording'), { code: 'recording_not_found' })
})

test('frames are decoded, however damaged', () => {
  assert.deepEqual(decode(Buffer.alloc(0)), [])
  assert.deepEqual(decode(Buffer.from('nonsense')), [])
  assert.throws(() => decode('text'), { code: 'bad_request' })
})
