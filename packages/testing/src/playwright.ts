/** `test` with the fixtures `startTape` and `startMock`, and `expect` with the matchers. A failed test has the events and the log attached. */

import {
  expect as baseExpect,
  test as base,
  type Expect,
  type PlaywrightTestArgs,
  type PlaywrightTestOptions,
  type PlaywrightWorkerArgs,
  type PlaywrightWorkerOptions,
  type TestInfo,
  type TestType,
} from '@playwright/test'

import { matchers } from './matchers.js'
import { startMock, type Mock } from './mock.js'
import { Stage, type Fixtures } from './stage.js'
import { startTape, type Tape } from './tape.js'

export { LivetapeError, withTape } from './index.js'
export type * from './index.js'

async function attach(info: TestInfo, stage: Stage<never, Tape | Mock>, name: string): Promise<void> {
  if (info.status === info.expectedStatus) return
  await info.attach(`${name}.log`, { body: stage.report(), contentType: 'text/plain' })
  const events = stage.events().map((event) => `${JSON.stringify(event)}\n`)
  if (events.length > 0) await info.attach('livetape-events.ndjson', { body: events.join(''), contentType: 'application/x-ndjson' })
}

const fixture =
  <Options, Started extends Tape | Mock>(name: string, start: (options?: Options) => Promise<Started>) =>
  // Playwright reads this parameter list.
  async ({}, use: (start: (options?: Options) => Promise<Started>) => Promise<void>, info: TestInfo) => {
    const stage = new Stage(start)
    await use(stage.run)
    await attach(info, stage, name)
    await stage.stop()
  }

type Test = TestType<PlaywrightTestArgs & PlaywrightTestOptions & Fixtures, PlaywrightWorkerArgs & PlaywrightWorkerOptions>

export const test: Test = base.extend<Fixtures>({ startTape: fixture('livetape', startTape), startMock: fixture('livetape-mock', startMock) })
export const expect: Expect<typeof matchers> = baseExpect.extend(matchers)
