/** Combines the gifts of a streak into one row, which counts up. */

import { originOf } from './event.ts'

/** Maximum number of streaks to remember. A streak lasts a minute at most, so older ones are over. */
export const STREAKS_MAX = 10_000
/** Maximum number of earlier states of a streak to remember; the oldest are forgotten first. */
export const STATES_MAX = 200

/** What the row of a streak shows. */
export interface State {
  count: number
  /** What the last event added to the count. */
  added: number
  diamonds: number
  final: boolean
}

interface Streak {
  row: number
  /** As the current pass of the replay has it. */
  streakId: string
  /** The last one is the current one. */
  states: (State & { time: string })[]
}

export interface GiftPart {
  streakId: string
  time: string
  repeatCount: number
  repeatDelta: number
  diamonds: number
  isFinal: boolean
}

export class Streaks {
  #open = new Map<string, Streak>()

  /** Adds a gift to its streak. `row` is the position for a new streak, `oldest` the first row that still exists. */
  add(part: GiftPart, row: number, oldest: number): { row: number; state: State; isNew: boolean } {
    const { streakId, time } = part
    const origin = originOf(streakId)
    const known = origin === '' ? undefined : this.#open.get(origin)
    const isKnown = known !== undefined && known.row >= oldest
    const streak: Streak = isKnown ? known : { row, streakId, states: [] }
    // Another pass of a replay counts the streak from zero.
    const last = streak.streakId === streakId ? streak.states.at(-1) : undefined
    const state = {
      time,
      count: Math.max(last?.count ?? 0, part.repeatCount),
      added: part.repeatDelta,
      diamonds: (last?.diamonds ?? 0) + part.diamonds,
      final: (last?.final ?? false) || part.isFinal,
    }
    streak.streakId = streakId
    streak.states.push(state)
    if (streak.states.length > STATES_MAX) streak.states.shift()
    if (origin !== '' && !isKnown) {
      this.#open.delete(origin)
      this.#open.set(origin, streak)
      if (this.#open.size > STREAKS_MAX) this.#open.delete(this.#open.keys().next().value as string)
    }
    return { row: streak.row, state, isNew: !isKnown }
  }

  /** Forgets what happened from a time on, and rows from `end` on. Returns the rows that show something else now. */
  goBack(time: string, end: number): { row: number; state: State }[] {
    const changed: { row: number; state: State }[] = []
    for (const [origin, { row, states }] of this.#open) {
      if (row >= end) this.#open.delete(origin)
      else if ((states.at(-1)?.time ?? '') >= time) {
        while (states.length > 1 && (states.at(-1)?.time ?? '') >= time) states.pop()
        changed.push({ row, state: states.at(-1) as State })
      }
    }
    return changed
  }

  clear(): void {
    this.#open.clear()
  }
}
