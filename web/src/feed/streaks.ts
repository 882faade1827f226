/** Combines the gifts of a streak into one row, which counts up. */

/** Maximum number of streaks to remember. A streak lasts a minute at most, so older ones are over. */
export const STREAKS_MAX = 10_000

export interface Streak {
  row: number
  count: number
  /** What the last event added to the count. */
  added: number
  diamonds: number
  final: boolean
}

export interface GiftPart {
  streakId: string
  repeatCount: number
  repeatDelta: number
  diamonds: number
  isFinal: boolean
}

export class Streaks {
  #open = new Map<string, Streak>()

  /** Adds a gift to its streak. `row` is the position for a new streak, `oldest` the first row that still exists. */
  add(part: GiftPart, row: number, oldest: number): { streak: Streak; isNew: boolean } {
    const known = part.streakId === '' ? undefined : this.#open.get(part.streakId)
    if (known && known.row >= oldest) {
      known.count = Math.max(known.count, part.repeatCount)
      known.added = part.repeatDelta
      known.diamonds += part.diamonds
      known.final ||= part.isFinal
      return { streak: known, isNew: false }
    }
    const streak = { row, count: part.repeatCount, added: part.repeatDelta, diamonds: part.diamonds, final: part.isFinal }
    if (part.streakId !== '') {
      this.#open.delete(part.streakId)
      this.#open.set(part.streakId, streak)
      if (this.#open.size > STREAKS_MAX) this.#open.delete(this.#open.keys().next().value as string)
    }
    return { streak, isNew: true }
  }

  clear(): void {
    this.#open.clear()
  }
}
