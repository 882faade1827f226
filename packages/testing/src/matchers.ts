// Matchers for `expect` of Vitest, Jest and Playwright.

import { Mock, checkSeen, checkTime, checkTimes, isWithin, listed, shownSeen, shownTimes, tooEarly, type Seen, type Times } from './mock.js'
import { Tape } from './tape.js'

/** Result of a matcher. */
export interface Outcome {
  pass: boolean
  message: () => string
}

/** The matchers, by the value that they accept. */
export interface LivetapeMatchers<R> {
  /** For a tape: this many events of this type have been broadcast; by default, at least one. */
  toHaveSent(type: string, times?: Times): R
  /** For a tape: this many clients are connected to its feed. */
  toHaveClients(times: Times): Promise<R>
  /** For a tape: the recording has ended, and every client has been sent all events. Waits for both. */
  toBeDrained(): Promise<R>
  /** For a mock: this has happened that often; by default, at least once. */
  toHaveReceived(seen: Seen, times?: Times): Promise<R>
  /** For a mock: clients sent no request for `ms` after each failure, for example the time in `Retry-After`. */
  toHaveWaited(ms: number): Promise<R>
}

const ONCE_OR_MORE: Times = { min: 1 }

function isTape(value: unknown, matcher: string): Tape {
  if (value instanceof Tape) return value
  throw new TypeError(`${matcher} needs a tape, from startTape()`)
}

function isMock(value: unknown, matcher: string): Mock {
  if (value instanceof Mock) return value
  throw new TypeError(`${matcher} needs a mock, from startMock()`)
}

/** Pass to `expect.extend()`. The modules for Vitest, Jest and Playwright do so. */
export const matchers = {
  toHaveSent(value: unknown, type: string, times: Times = ONCE_OR_MORE): Outcome {
    const tape = isTape(value, 'toHaveSent')
    checkTimes(times)
    const got = tape.count(type)
    return { pass: isWithin(got, times), message: () => `expected ${shownTimes(times, 'event')} of type ${type}, got ${got}\n${tape.lastLines()}` }
  },

  async toHaveClients(value: unknown, times: Times): Promise<Outcome> {
    const tape = isTape(value, 'toHaveClients')
    checkTimes(times)
    const got = await tape.clients()
    return { pass: isWithin(got, times), message: () => `expected ${shownTimes(times, 'client')}, got ${got}\n${tape.lastLines()}` }
  },

  async toBeDrained(value: unknown): Promise<Outcome> {
    const tape = isTape(value, 'toBeDrained')
    try {
      await tape.finished()
      return { pass: true, message: () => 'expected the recording not to end' }
    } catch (error) {
      return { pass: false, message: () => (error as Error).message }
    }
  },

  async toHaveReceived(value: unknown, seen: Seen, times: Times = ONCE_OR_MORE): Promise<Outcome> {
    const mock = isMock(value, 'toHaveReceived')
    checkSeen(seen)
    checkTimes(times)
    const entries = await mock.received()
    const got = (await mock.received(seen)).length
    return { pass: isWithin(got, times), message: () => `expected ${shownSeen(seen, times)}, got ${got}\n${listed(entries)}` }
  },

  async toHaveWaited(value: unknown, ms: number): Promise<Outcome> {
    const mock = isMock(value, 'toHaveWaited')
    checkTime(ms)
    const entries = await mock.received()
    const early = tooEarly(entries, ms)
    return { pass: early === undefined, message: () => `${early ?? `expected a request within ${ms} ms of a failure`}\n${listed(entries)}` }
  },
}
