// Random sessions match a model: each callback comes exactly once and in order. LIVETAPE_SESSIONS sets their number,
// LIVETAPE_TEST_SEED repeats a failed run.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, start } from './support.mjs'

const SESSIONS = Number(process.env.LIVETAPE_SESSIONS ?? 300)
const SEED = Number(process.env.LIVETAPE_TEST_SEED ?? 1)
/** Sessions that run at the same time. */
const CONCURRENT = 20
const STEPS_MAX = 12
const ROOMS = ['a', 'b', 'refused']

/** Numbers from 0 to `below`, the same for the same seed. */
function random(seed) {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Chooses the steps of a session. Returns what the client sends, the callbacks, and the messages that it receives. */
function session(pick) {
  const [sent, callbacks, received, rooms] = [[], [['connect']], [], new Set()]
  for (let step = 0, steps = pick(STEPS_MAX); step < steps; step++) {
    const room_id = ROOMS[pick(ROOMS.length)]
    switch (pick(6)) {
      case 0:
        sent.push(`text ${step}`)
        callbacks.push(['message', `text ${step}`])
        break
      case 1:
        sent.push(Buffer.from([step]))
        callbacks.push(['binary', step])
        break
      case 2:
        sent.push({ type: 'join_room', room_id })
        callbacks.push(['join', room_id])
        received.push(room_id === 'refused' ? 'room_join_error' : 'room_joined')
        if (room_id !== 'refused') rooms.add(room_id)
        break
      case 3:
        // Leaving a room that the client is not in is an error, of which few are tolerated.
        if (!rooms.delete(room_id)) break
        sent.push({ type: 'leave_room', room_id })
        callbacks.push(['leave', room_id])
        received.push('room_left')
        break
      default: {
        if (!rooms.has(room_id)) break
        const message = ['keep', 'drop', 'change'][pick(3)]
        sent.push({ type: 'room_message', room_id, message })
        callbacks.push(['message', message, room_id])
        if (message !== 'drop') received.push(message === 'change' ? 'changed' : message)
      }
    }
  }
  return { sent, callbacks, received }
}

async function run(sessions, { drop = () => false } = {}, t) {
  const pick = random(SEED)
  const seen = new Map()
  const closes = new Map()
  const later = (value) => (value % 2 ? Promise.resolve() : undefined)
  let calls = 0
  const note = (name) => (socket, ...args) => {
    calls += 1
    if (drop(calls)) return
    const list = seen.get(socket.clientId) ?? seen.set(socket.clientId, []).get(socket.clientId)
    list.push([name, ...args])
  }
  const { app, url } = await start(t, (app) =>
    app.websocket('/chat', {
      onConnect: note('connect'),
      onMessage(socket, message, room) {
        note('message')(socket, message, ...(room === undefined ? [] : [room]))
        if (message === 'drop') return later(calls)?.then(() => ({ shouldCancel: true })) ?? { shouldCancel: true }
        if (message === 'change') return { modifiedEvent: { message: 'changed' } }
        return later(calls)
      },
      onBinaryMessage: (socket, bytes) => note('binary')(socket, bytes[0]),
      onJoinRoom: async (socket, room) => (note('join')(socket, room), { shouldCancel: room === 'refused' }),
      onLeaveRoom: note('leave'),
      onClose: (socket, code) => (note('close')(socket, code), closes.get(socket.clientId)?.()),
    }), { messagesPerSecond: 10_000 })
  let next = 0
  const work = async () => {
    while (next < sessions) {
      const name = `client-${(next += 1)}`
      // Alone in its rooms, so that the messages it receives are its own.
      const { sent, callbacks, received } = session(pick)
      const own = (message) => (message.room_id && message.room_id !== 'refused' ? { ...message, room_id: `${name}-${message.room_id}` } : message)
      const rename = (room) => (ROOMS.includes(room) && room !== 'refused' ? `${name}-${room}` : room)
      const code = [1000, 4000, 4999][pick(3)]
      const closed = new Promise((resolve) => closes.set(name, resolve))
      const client = await Client.open(url(`/chat?client_id=${name}`))
      for (const message of sent) client.say(typeof message === 'string' || Buffer.isBuffer(message) ? message : own(message))
      for (const expected of received) {
        const { type, message } = await client.json()
        assert.equal(message && type === 'room_message' ? message : type, expected, `seed ${SEED}, ${name}`)
      }
      client.socket.close(code)
      await closed
      const expected = [...callbacks, ['close', code]].map(([kind, ...args]) => [kind, ...args.map((it) => (kind === 'join' || kind === 'leave' || args.length === 2 ? rename(it) : it))])
      assert.deepEqual(seen.get(name), expected, `seed ${SEED}, ${name}`)
      seen.delete(name)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT }, work))
  assert.deepEqual([app.getConnections(), app.getAllRooms(), app.getStats().unansweredEvents], [[], [], 0])
}

test(`${SESSIONS} random sessions match the model`, { timeout: 600_000 }, (t) => run(SESSIONS, {}, t))

test('a callback that is dropped on purpose fails the test', async (t) => {
  await assert.rejects(() => run(20, { drop: (call) => call === 50 }, t), assert.AssertionError)
})
