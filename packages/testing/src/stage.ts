// The tapes and mocks of a test.

import { wrong } from './error.js'
import type { FeedEvent } from './feed.js'
import { startMock, type Mock } from './mock.js'
import { startTape, type Tape, type TapeOptions } from './tape.js'

/** Fixtures that stop what they started at the end of the test. */
export interface Fixtures {
  /** Starts a tape for this test. */
  startTape: typeof startTape
  /** Starts a mock TikTok for this test. */
  startMock: typeof startMock
}

/** Everything that one test started. */
export class Stage<Options, Started extends Tape | Mock> {
  readonly #started: Started[] = []

  constructor(readonly start: (options?: Options) => Promise<Started>) {}

  /** Like `start`, and remembers what it started. */
  readonly run = async (options?: Options): Promise<Started> => {
    const started = await this.start(options)
    this.#started.push(started)
    return started
  }

  /** Stops everything, then throws the first error. */
  async stop(): Promise<void> {
    const stops = await Promise.allSettled(this.#started.map((started) => started.stop()))
    for (const stop of stops) if (stop.status === 'rejected') throw stop.reason
  }

  /** Returns the last lines of each server, except those that the text of an error contains already. */
  report(shown = ''): string {
    return this.#started.flatMap((started) => started.linesNotIn(shown)).join('\n')
  }

  /** Returns the last events of all tapes. */
  events(): FeedEvent[] {
    return this.#started.flatMap((started) => ('events' in started ? started.events() : []))
  }
}

/**
 * Starts a tape, passes it to `use`, and stops it. If `use` fails, prints the server's last lines. For test runners without fixtures.
 */
export async function withTape<T>(options: string | TapeOptions, use: (tape: Tape) => Promise<T>): Promise<T> {
  if (typeof use !== 'function') throw wrong('`use`', use, 'pass a function that takes the tape')
  const tape = await startTape(options)
  try {
    const result = await use(tape)
    await tape.stop()
    return result
  } catch (error) {
    const lines = tape.linesNotIn(`${error}`)
    if (lines.length > 0) console.error(lines.join('\n'))
    await tape.stop().catch(() => {})
    throw error
  }
}
