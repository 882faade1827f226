import { expect, test, vi } from 'vitest'
import { played, start } from '../src/state/case.ts'
import { replay } from '../src/state/server.ts'

const asked = vi.hoisted((): { path: string; answer: (told: unknown) => void; fail: (error: unknown) => void }[] => [])

vi.mock('../src/state/api.ts', () => ({ ask: (path: string) => new Promise((answer, fail) => asked.push({ path, answer, fail })) }))
vi.mock('../src/state/server.ts', async () => {
  const { signal } = await import('@preact/signals')
  return { replay: signal(undefined) }
})

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))
const state = (of: object): void => {
  replay.value = { recording: 'demo', offsetMs: Math.random(), ...of } as never
}
const told = (count: number): object => ({ name: 'cut', what: '', right: '', happened: Array.from({ length: count }, () => ({ offsetMs: 1, text: 'x' })) })

test('a case is read when something has happened in it, and not more often', async () => {
  start()
  state({})
  // A server that does not count.
  state({ case: 'cut' })
  expect(asked.length).toBe(0)
  state({ case: 'cut', happened: 0 })
  state({ case: 'cut', happened: 0 })
  expect(asked.map(({ path }) => path)).toEqual(['replay/case'])
  asked[0]!.answer(told(0))
  await settle()
  expect(played.value).toEqual(told(0))
  // A failed request is made again with the next state; an answer that comes late is out of date.
  state({ case: 'cut', happened: 1 })
  asked[1]!.fail(new Error('away'))
  await settle()
  state({ case: 'cut', happened: 1 })
  state({ case: 'cut', happened: 2 })
  expect(asked.length).toBe(4)
  asked[3]!.answer(told(2))
  asked[2]!.answer(told(1))
  await settle()
  expect(played.value).toEqual(told(2))
  // Another recording is played without a case.
  state({})
  expect([played.value, asked.length]).toEqual([undefined, 4])
})
