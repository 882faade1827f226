// The mock TikTok.

import { bad, call, checkKeys, checkWhole, LivetapeError, request, text } from './errors.cjs'
import { native, type NativeMock } from './native.cjs'

/** A user who is live, a scenario file, or a scenario in TOML. */
export type MockScenario = string | { file: string } | { toml: string }

/** How often something is expected: exactly this number, or from `min` to `max`. */
export type Times = number | { min?: number; max?: number }

/** Maximum number of times that can be expected. */
const TIMES_MAX = 2 ** 32 - 1

/** Something that a client of the mock did. */
export interface MockLogEntry {
  at_ms: number
  connection: number
  what: string
  [detail: string]: unknown
}

/** A mock TikTok on a free loopback port. */
export class MockTikTok {
  readonly #mock: NativeMock
  /** URL of the mock, for the option `upstream`. */
  readonly url: string

  private constructor(mock: NativeMock) {
    this.#mock = mock
    this.url = mock.url
  }

  static async start(scenario: MockScenario): Promise<MockTikTok> {
    const given = typeof scenario === 'string' ? [['user', scenario]] : Object.entries(scenario ?? {})
    const [kind, value] = given[0] ?? []
    if (given.length !== 1 || kind === undefined || typeof value !== 'string' || !['user', 'file', 'toml'].includes(kind)) {
      throw bad('the scenario is not a user name, { file } or { toml }')
    }
    return new MockTikTok(await request(() => native.startMock(kind, value)))
  }

  /** What clients did so far. */
  received(): MockLogEntry[] {
    return JSON.parse(call(() => this.#mock.received())) as MockLogEntry[]
  }

  /** Expects `connection`, `enter`, `heartbeat`, `ack`, `close:CODE` or requests of a path, until `verify`. */
  expect(what: string, times: Times): this {
    if (typeof times !== 'number') checkKeys('times', times, ['min', 'max'])
    const { min = 0, max } = typeof times === 'number' ? { min: times, max: times } : times
    checkWhole('`min`', min, 0, TIMES_MAX)
    if (max !== undefined) checkWhole('`max`', max, min, TIMES_MAX)
    call(() => this.#mock.expect(text('activity', what), min, max))
    return this
  }

  /** Throws if an expectation is not met, with a list of what clients did. */
  verify(): void {
    const unmet = call(() => this.#mock.verify())
    if (unmet !== null) throw new LivetapeError('unmet', unmet)
  }

  /** Forgets the log and all rooms. */
  reset(): void {
    call(() => this.#mock.reset())
  }

  close(): void {
    this.#mock.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
