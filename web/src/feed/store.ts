/** Stores, filters and searches a bounded number of rows. */

import { parts, plain } from '../lib/plain.ts'
import { Ring } from '../lib/ring.ts'
import { type Event, number, readEvent, text } from './event.ts'
import { Leaders } from './leaders.ts'
import type { Filter } from './protocol.ts'
import { type Kept, type Row, groupOf } from './row.ts'
import { Streaks } from './streaks.ts'
import { giftOf, person, summary } from './summary.ts'
import { type Totals, add, nothing } from './totals.ts'

/** Maximum number of rows; the oldest are removed first. */
export const ROWS_MAX = 100_000
/** Maximum size of their JSON, in characters. */
export const CHARS_MAX = 96 * 1024 * 1024
/** Maximum size of a copy, in characters. */
const COPY_CHARS_MAX = 32 * 1024 * 1024
/** Maximum number of events in a row of folded events. */
export const FOLDED_MAX = 100

/** Types that come in bursts and say little: consecutive ones share a row. */
const isNoise = (type: string): boolean => type.startsWith('link')

const linesOf = (json: string): number => json.split('\n').length

export class Store {
  readonly rows = new Ring<Kept>()
  /** Positions of the rows that match the filter. */
  #shown = new Ring<number>()
  #streaks = new Streaks()
  readonly leaders = new Leaders()
  #filter: Filter = { hidden: [], query: '' }
  #chars = 0
  totals: Totals = nothing()
  groups: Record<string, number> = {}
  forgotten = 0

  get shown(): number {
    return this.#shown.length
  }

  /** Total number of matching rows removed so far. */
  get dropped(): number {
    return this.#shown.first
  }

  /** Parses and stores a message. Returns `undefined` if it is not an event. */
  take(json: string): Event | undefined {
    const event = readEvent(json)
    if (!event) {
      this.totals.malformed += 1
      return undefined
    }
    add(this.totals, event)
    const group = groupOf(event.type)
    this.groups[group] = (this.groups[group] ?? 0) + 1
    if (event.type === 'connection_created') this.leaders.clear()
    if (event.type === 'gift') this.leaders.add(person(event), number(event.data.diamonds) ?? 0)
    if (event.type === 'gift' && text(event.data.streakId) !== '') this.#takeGift(event, json)
    else if (isNoise(event.type) && this.#fold(event, json)) this.#makeRoom()
    else this.#push(this.#row(event, json))
    return event
  }

  #takeGift(event: Event, json: string): void {
    const { data } = event
    const part = {
      streakId: text(data.streakId),
      repeatCount: number(data.repeatCount) ?? 1,
      repeatDelta: number(data.repeatDelta) ?? 0,
      diamonds: number(data.diamonds) ?? 0,
      isFinal: data.isFinal === true,
    }
    const { streak, isNew } = this.#streaks.add(part, this.rows.end, this.rows.first)
    const { count, added, diamonds, final } = streak
    if (isNew) return this.#push({ ...this.#row(event, json), count, added, diamonds, final })
    const row = this.rows.at(streak.row)
    if (!row) return
    this.#chars += json.length - row.json.length
    Object.assign(row, { count, added, diamonds, final, json, version: row.version + 1 })
    this.#makeRoom()
  }

  /** Adds the event to the last row, if that is one of its kind. The row keeps the JSON of each event, one per line. */
  #fold(event: Event, json: string): boolean {
    const row = this.rows.at(this.rows.end - 1)
    const count = (row?.count ?? 1) + 1
    if (!row || !isNoise(row.type) || count > FOLDED_MAX) return false
    const { type, time, text, hay } = this.#row(event, json)
    this.#chars += json.length + 1
    Object.assign(row, { type, time, text, count, json: `${row.json}\n${json}`, hay: `${row.hay}\n${hay}`, version: row.version + 1 })
    return true
  }

  #row(event: Event, json: string): Kept {
    const { key, name, handle } = person(event)
    const line = summary(event)
    const type = plain(event.type)
    const row: Kept = {
      id: this.rows.end,
      seq: event.seq,
      type,
      group: groupOf(event.type),
      time: event.ts,
      key,
      name,
      handle,
      text: line,
      replay: event.replay,
      version: 0,
      json,
      hay: `${name}\n@${handle}\n${parts(line).join('')}\n${type}`.toLowerCase(),
    }
    const gift = giftOf(event)
    if (gift !== undefined) row.gift = gift
    if (event.data.isHistory === true) row.note = 'history'
    return row
  }

  #push(row: Kept): void {
    const position = this.rows.push(row)
    this.#chars += row.json.length
    if (this.#passes(row)) this.#shown.push(position)
    this.#makeRoom()
  }

  #makeRoom(): void {
    while (this.rows.length > ROWS_MAX || (this.#chars > CHARS_MAX && this.rows.length > 1)) {
      const position = this.rows.first
      this.#chars -= this.rows.shift()?.json.length ?? 0
      this.forgotten += 1
      if (this.#shown.at(this.#shown.first) === position) this.#shown.shift()
    }
  }

  #passes(row: Kept): boolean {
    const { hidden, query } = this.#filter
    return !hidden.includes(row.group) && (query === '' || row.hay.includes(query))
  }

  filter(filter: Filter): void {
    this.#filter = { hidden: filter.hidden, query: filter.query.trim().toLowerCase() }
    this.#shown = new Ring()
    for (let position = this.rows.first; position < this.rows.end; position += 1) {
      if (this.#passes(this.rows.at(position) as Kept)) this.#shown.push(position)
    }
  }

  /** Number of matching rows before `end`, a position in `rows`. */
  shownBefore(end: number): number {
    return this.#shown.lowerBound((position) => position < end) - this.#shown.first
  }

  window(first: number, count: number): Row[] {
    const from = this.#shown.first + first
    return this.#shown.slice(from, from + count).map((position) => {
      const { json: _json, hay: _hay, ...row } = this.rows.at(position) as Kept
      return row
    })
  }

  /** Returns the JSON of one row, or of all matching rows, one per line. */
  json(id?: number): { text: string; count: number } {
    if (id !== undefined) {
      const json = this.rows.at(id)?.json
      return { text: json ?? '', count: json === undefined ? 0 : linesOf(json) }
    }
    const lines: string[] = []
    let [chars, count] = [0, 0]
    // Collects the newest rows up to the limit, then restores their order.
    for (let at = this.#shown.end - 1; at >= this.#shown.first; at -= 1) {
      const { json } = this.rows.at(this.#shown.at(at) as number) as Kept
      chars += json.length + 1
      if (chars > COPY_CHARS_MAX) break
      lines.push(json)
      count += linesOf(json)
    }
    return { text: lines.reverse().map((line) => `${line}\n`).join(''), count }
  }

  clear(): void {
    this.rows.clear()
    this.#shown.clear()
    this.#streaks.clear()
    this.#chars = 0
    this.groups = {}
    this.forgotten = 0
  }
}
