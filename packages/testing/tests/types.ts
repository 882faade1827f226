// Compiled, not run: the types as users see them.

import { expect as jestExpect } from '@jest/globals'
import { expect as vitestExpect } from 'vitest'

import '../src/jest.js'
import { cases, startMock, startTape, withTape, type Case, type Finished, type Lost, type Sent, type Truth } from '../src/index.js'
import { expect as playwrightExpect, test as playwrightTest } from '../src/playwright.js'
import { test as vitestTest } from '../src/vitest.js'

vitestTest('fixtures are typed', async ({ startTape, startMock }) => {
  await using tape = await startTape({ recording: 'demo', speed: 'max', start: '1m30s', end: 120, waitClients: 1, mock: 'scenario.toml' })
  const sent: Sent = await tape.send.gift({ user: { uniqueId: 'ann' }, gift: 'Rose', count: 5, combo: true })
  await tape.send.end()
  const { top_gifter, users }: Truth = await tape.truth(sent.seqs[0])
  vitestExpect(users[top_gifter]).toBe(1)
  const { events, byType, diamonds, lost, refused }: Finished = await tape.finished()
  const [numbers, missing]: [number[], Lost | null] = [[events, diamonds, byType.gift ?? 0, sent.delivered, refused], lost]
  vitestExpect(tape).toHaveSent('gift', { min: numbers.length + (missing?.records ?? 0) })
  await vitestExpect(tape).toBeDrained()
  const mock = await startMock({ toml: 'others = "offline"' })
  await vitestExpect(mock).not.toHaveReceived({ close: 1011 }, { max: 3 })
  // @ts-expect-error: no such kind of event
  await tape.send.rose({ user: 'ann' })
  // @ts-expect-error: a gift needs a name
  await tape.send.gift({ user: 'ann' })
  // @ts-expect-error: not a path
  await mock.received('webcast/fetch')
  await tape.drop({ abort: true })
  // @ts-expect-error: not a way to drop clients
  await tape.drop({ abort: false })
})

vitestTest.for(cases())('a case is typed: $name', async ({ name, group }: Case, { startTape }) => {
  await startTape({ case: name, hold: group === 'connection' })
})

playwrightTest('fixtures are typed', async ({ page, startTape }) => {
  const tape = await startTape({ hold: true })
  await page.goto(tape.url)
  await playwrightExpect(tape).toHaveClients(1)
  playwrightExpect(tape).toHaveSent('gift')
})

export const jestTest = () =>
  withTape({ hold: true }, async (tape) => {
    await jestExpect(tape).toHaveClients(0)
    jestExpect(tape).not.toHaveSent('gift')
  })

export const started = Promise.all([startTape(), startTape('show.bin'), startMock('scenario.toml')])
