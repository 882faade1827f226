// Mocks: what a test can expect of its client.

import { expect } from 'vitest'

import { startMock } from '@livetape/testing'
import { test } from '@livetape/testing/vitest'
import { scenario } from '../../../tests/support/livetape.mjs'

const sign = (mock) => fetch(`${mock.url}/webcast/fetch?unique_id=ann`)

test('a scenario file scripts failures, and received() returns the requests', async ({ startMock }) => {
  const mock = await startMock(scenario('rate-limited-twice'))
  const answers = [await sign(mock), await sign(mock), await sign(mock)]
  expect(answers.map(({ status }) => status)).toEqual([429, 429, 200])
  expect(answers[0].headers.get('retry-after')).toBe('2')
  expect(await mock.received('/webcast/fetch')).toMatchObject([{ status: 429, fault: 'status' }, { status: 429 }, { status: 200, method: 'GET' }])
  expect(await mock.received('connection')).toEqual([])
  await mock.reset()
  expect(await mock.received()).toEqual([])
})

test('a scenario can be text, and be replaced', async ({ startMock }) => {
  const mock = await startMock({ toml: 'others = "offline"' })
  const isLive = async () => (await fetch(`${mock.url}/webcast/room_id?unique_id=ann`)).ok
  const before = await isLive()
  await mock.setScenario('[[fault]]\nat = ["sign"]\nkind = "status"\nstatus = 402')
  expect((await sign(mock)).status).toBe(402)
  expect(typeof before).toBe('boolean')
  await expect(mock.setScenario('nonsense')).rejects.toThrow()
})

test('met expectations pass, and matchers check at once', async ({ startMock }) => {
  const mock = await startMock()
  mock.expect('/webcast/fetch', 2)
  mock.expect('/webcast/fetch', { min: 1, max: 3 })
  mock.expect({ close: 1011 }, 0)
  mock.expectNoReconnectBefore(10_000)
  await sign(mock)
  await sign(mock)
  await expect(mock).toHaveReceived('/webcast/fetch/', 2)
  await expect(mock).not.toHaveReceived('heartbeat')
  await expect(mock).toHaveWaited(10_000)
})

test('unmet expectations fail, at the latest when the mock stops, and show their line and the log', async () => {
  const mock = await startMock({ toml: '[[fault]]\nat = ["sign"]\nkind = "status"\nstatus = 429\nretry_after = 5' })
  mock.expect('/webcast/fetch', 1)
  mock.expectNoReconnectBefore(5_000)
  await sign(mock)
  await sign(mock)
  await expect(expect(mock).toHaveWaited(5_000)).rejects.toThrow(/expected no request for 5000 ms after the failure at \d+ ms; one came after \d+ ms/)
  await expect(expect(mock).toHaveReceived('ack')).rejects.toThrow(/expected 1 or more acks, got 0\nreceived:\n.*GET \/webcast\/fetch → 429 \(status\)/)
  await expect(expect(mock).toHaveReceived('enter', 1)).rejects.toThrow('expected 1 client that enters, got 0')
  await expect(expect(mock).toHaveReceived({ close: 1011 }, { min: 2, max: 3 })).rejects.toThrow('expected 2 to 3 closes with 1011, got 0')
  await expect(mock.waitFor('/live', 1, { timeout: 50 })).rejects.toThrow('expected 1 request of /live within 0.05 s, got 0')
  const stopped = mock.stop()
  await expect(stopped).rejects.toThrow(/expected 1 request of \/webcast\/fetch, got 2\n  at .*mock\.test\.mjs:\d+/)
  await expect(stopped).rejects.toThrow(/expected no request for 5000 ms/)
})

test('a failure is reported once, by verify() or stop()', async () => {
  const mock = await startMock()
  mock.expect('/y', 1)
  await expect(mock.verify()).rejects.toMatchObject({ code: 'unmet' })
  await mock.stop()
})

test('a matcher for the other kind of server says what it needs', async ({ startMock }) => {
  expect(() => expect(startMock).toHaveSent('gift')).toThrow('toHaveSent needs a tape, from startTape()')
  await expect(expect({}).toHaveWaited(1)).rejects.toThrow('toHaveWaited needs a mock, from startMock()')
})
