// The position in the feed, from which a new connection resumes, and the close codes: which are final, and after which the client reconnects.

import type { LivetapeEvent } from './events.js'

/** What precedes the end of the ids of a pass, `~2`, from the second on. */
const BEFORE_SUFFIX = /^[^~]*/

export class Position {
  #stream = ''
  #seq = 0
  #begin: string | undefined
  readonly #isFiltered: boolean
  #hasJoined = false
  /** The pass of the last event of a replay: each lap, seek and load begins another one, and so does each start of the server. */
  #pass: string | undefined

  constructor(begin: string | 0 | undefined, isFiltered: boolean) {
    this.#begin = begin === undefined ? undefined : String(begin)
    this.#isFiltered = isFiltered
  }

  get stream(): string {
    return this.#stream
  }

  get last(): string | undefined {
    return this.#seq > 0 ? `${this.#stream}:${this.#seq}` : undefined
  }

  /** The `since` parameter of the next connection. */
  get since(): string | undefined {
    // Without a filter, a feed starts with the current state: if nothing has arrived, there was nothing yet. With a filter, that is unknown.
    return this.last ?? this.#begin ?? (this.#hasJoined && !this.#isFiltered ? '0' : undefined)
  }

  /** Whether the feed was joined, but the position is unknown because no event has arrived yet. */
  get isUnknown(): boolean {
    return this.#hasJoined && this.since === undefined
  }

  joined(): void {
    this.#hasJoined = true
  }

  /** Advances to an event; returns false for a repeated one. */
  advance(stream: string, seq: number): boolean {
    if (stream === this.#stream && seq <= this.#seq) return false
    this.#stream = stream
    this.#seq = seq
    return true
  }

  /** Whether this is the first event of another pass than the last one, so that totals have to start over. */
  isNextPass({ stream, id, replay, data }: LivetapeEvent): boolean {
    const { streakId, generation } = data as { streakId?: string; generation?: number }
    // An inferred final has no message, and so no id of its own; `connection_created` has a number.
    const marked = id ?? streakId ?? (generation && `~${generation}`)
    if (!marked) return false
    const before = this.#pass
    // A live room goes on where it was.
    this.#pass = replay ? `${stream}${marked.replace(BEFORE_SUFFIX, '')}` : (before ?? '')
    return before !== undefined && before !== this.#pass
  }

  /** Starts over as if never connected: from `0` if that was requested, else without `since`. Returns the position that is lost, if there was one. */
  forget(): string | undefined {
    const lost = this.since
    this.#seq = 0
    this.#hasJoined = false
    // The whole backlog comes again.
    if (this.#begin === '0') this.#pass &&= ''
    else this.#begin = undefined
    return lost?.includes(':') ? lost : undefined
  }
}

export const CLOSE = { NORMAL: 1000, LOST: 1006, POLICY: 1008, UNKNOWN_POSITION: 4001, SLOW_CONSUMER: 4101 } as const

/** Lowest private code after which clients reconnect. */
const PRIVATE_RETRY_FROM = 4100
/** Standard codes after which clients reconnect: going away, no code, lost, internal error, restart, try again later, bad gateway, TLS. */
const RETRY: readonly number[] = [1001, 1005, CLOSE.LOST, 1011, 1012, 1013, 1014, 1015]

const MEANINGS: Record<number, string> = {
  1000: 'the source ended',
  1001: 'the server ended the connection',
  1006: 'the connection was lost',
  1008: 'refused',
  1009: 'a message was too long',
  1011: 'the room is unavailable',
  4001: 'unknown position: the server restarted or dropped the event',
  4101: 'too slow: this client fell behind the backlog',
  4102: 'the server is full',
}

/** Whether a close code is final. 4001 is not: the client forgets its position and starts over. */
export const isFinal = (code: number): boolean => code < PRIVATE_RETRY_FROM && code !== CLOSE.UNKNOWN_POSITION && !RETRY.includes(code)

/** Returns the meaning of a close code. */
export const meaningOf = (code: number): string => MEANINGS[code] ?? `close code ${code}`
