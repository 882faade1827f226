// Where the feed goes on: behind the last event that was seen.

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

  /** What to ask for next. */
  get since(): string | undefined {
    if (this.last) return this.last
    if (this.#begin !== undefined) return this.#begin
    // Whoever asked for everything and got nothing has missed nothing so far; with a filter nobody knows.
    return this.#hasJoined && !this.#isFiltered ? '0' : undefined
  }

  /** Whether it was joined and nothing came that tells where it was. */
  get isUnknown(): boolean {
    return this.#hasJoined && this.since === undefined
  }

  joined(): void {
    this.#hasJoined = true
  }

  /** Takes note of an event; false for one that was seen. */
  advance(stream: string, seq: number): boolean {
    if (stream === this.#stream && seq <= this.#seq) return false
    this.#stream = stream
    this.#seq = seq
    return true
  }

  /** Starts afresh, as it began: from the backlog, or at its head. False where there was no position to lose. */
  forget(): boolean {
    const had = this.since?.includes(':') ?? false
    this.#seq = 0
    this.#hasJoined = false
    if (this.#begin !== '0') this.#begin = undefined
    return had
  }
}
