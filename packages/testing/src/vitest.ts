/** `test` with the fixtures `startTape` and `startMock`. Also adds the matchers to Vitest's `expect`, and exports everything else. */

import { expect, test as base } from 'vitest'

import { matchers, type LivetapeMatchers } from './matchers.js'
import { startMock, type Mock } from './mock.js'
import { Stage, type Fixtures } from './stage.js'
import { startTape, type Tape } from './tape.js'

export * from './index.js'

declare module 'vitest' {
  interface Matchers<T> extends LivetapeMatchers<void> {}
}

expect.extend(matchers)

interface Context {
  onTestFailed(report: (context: { task: { result?: { errors?: Array<{ message: string }> | undefined } | undefined } }) => void): void
}

const fixture =
  <Options, Started extends Tape | Mock>(start: (options?: Options) => Promise<Started>) =>
  async ({ onTestFailed }: Context, use: (start: (options?: Options) => Promise<Started>) => Promise<void>) => {
    const stage = new Stage(start)
    onTestFailed(({ task }) => {
      const report = stage.report(task.result?.errors?.map(({ message }) => message).join('\n'))
      if (report) console.error(report)
    })
    await use(stage.run)
    await stage.stop()
  }

export const test = base.extend<Fixtures>({ startTape: fixture(startTape), startMock: fixture(startMock) })
export const it = test
