// The position in the feed, from which a new connection resumes.

export class Position {
  #stream = ''
  #seq = 0
  #begin: string | undefined
  readonly #isFiltered: boolean
  #hasJoined = false

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
    if (this.last) return this.last
    if (this.#begin !== undefined) return this.#begin
    // Without a filter, a feed starts with the current state: if nothing has arrived, there was nothing yet. With a filter, that is unknown.
    return this.#hasJoined && !this.#isFiltered ? '0' : undefined
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

  /** Starts over as if never connected: from `0` if that was requested, else without `since`. Returns false if there was no position to lose. */
  forget(): boolean {
    const had = !!this.since?.includes(':')
    this.#seq = 0
    this.#hasJoined = false
    if (this.#begin !== '0') this.#begin = undefined
    return had
  }
}
