// The reader of a tape's feed, against a server of our own.

import { createServer } from 'node:http'

import { afterEach, expect, test } from 'vitest'

import { Feed } from '../src/feed.ts'

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

test('a reader that falls behind resumes, and counts what it missed', async () => {
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

test('errors of the room are events, a play after the end starts again, and only the last events are kept', async () => {
  const many = Array.from({ length: 5_000 }, (_, i) => event(i + 4, 'like'))
  const { http } = await serve({ lines: [event(1, 'error', { code: 'user_offline' }), event(2, 'disconnected'), event(3, 'connection_created'), ...many, event(5_004, 'unknown')], isOpen: true })
  const feed = await Feed.open(http)
  expect(await feed.reached(5_004, 5_000)).toBe(true)
  expect(feed).toMatchObject({ hasEnded: false, byType: { error: 1, like: 5_000 } })
  expect(feed.byType.unknown).toBeUndefined()
  expect(feed.events.length).toBeLessThanOrEqual(2_000)
  expect(await feed.until(({ hasEnded }) => hasEnded, 20)).toBe(false)
})

test.each([{}, { isBroken: true }])('the end of the server ends every wait: %o', async (how) => {
  const { http } = await serve({ lines: [event(1, 'chat')], ...how })
  const feed = await Feed.open(http)
  expect(await feed.until(({ hasEnded }) => hasEnded, 5_000)).toBe(true)
  expect(feed.hasEnded).toBe(false)
})
