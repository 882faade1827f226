// The passes of a replay. Each lap, seek and load begins another pass, and so does each start of the server.

import type { LivetapeEvent } from './events.js'

/** What precedes the end of the ids of a pass, `~2`, from the second on. */
const BEFORE_SUFFIX = /^[^~]*/

export class Passes {
  #last: string | undefined

  /** Whether this is the first event of another pass than the last one, so that totals have to start over. */
  isNext({ stream, id, replay, data }: LivetapeEvent): boolean {
    const { streakId, generation } = data as { streakId?: string; generation?: number }
    // An inferred final has no message, and so no id of its own; `connection_created` has a number.
    const marked = id ?? streakId ?? (generation && `~${generation}`)
    if (!marked) return false
    const before = this.#last
    // A live room goes on where it was.
    this.#last = replay ? `${stream}${marked.replace(BEFORE_SUFFIX, '')}` : (before ?? '')
    return before !== undefined && before !== this.#last
  }

  /** The next event is one of another pass. */
  forget(): void {
    this.#last &&= ''
  }
}
