import { afterEach, expect, test, vi } from 'vitest'
import { clients, close, closing } from '../src/state/clients.ts'
import type { ConnectionView } from '../src/state/rest.ts'

const said = vi.hoisted((): string[] => [])

vi.mock('../src/state/api.ts', () => ({ ask: () => Promise.resolve({}) }))
vi.mock('../src/state/messages.ts', () => ({ attempt: (act: () => unknown) => act(), notice: (text: string) => said.push(text) }))
vi.mock('../src/state/server.ts', () => ({ features: {}, health: {}, status: {} }))

afterEach(() => void vi.useRealTimers())

test('a second click right after the first disconnects no other client', async () => {
  vi.useFakeTimers()
  const [first, second] = ['a', 'b'].map((id) => ({ id, number: 1, agent: id, observer: false }) as ConnectionView)
  clients.value = [first!, second!]
  const closed = close(first!)
  expect(closing.value).toBe(true)
  await closed
  expect(clients.value).toEqual([second])
  expect(said.join()).toContain('was disconnected')
  await vi.advanceTimersByTimeAsync(900)
  expect(closing.value).toBe(true)
  await vi.advanceTimersByTimeAsync(200)
  expect(closing.value).toBe(false)
})
