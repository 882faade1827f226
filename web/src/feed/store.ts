/** Stores, filters and searches a bounded number of rows. */

import { parts, plain } from '../lib/plain.ts'
import { Ring } from '../lib/list.ts'
import { type Event, isFields, number, readEvent, text } from './event.ts'
import { type Filter, type Kept, type Row, groupOf } from './protocol.ts'
import { Streaks } from './streaks.ts'
import { giftOf, person, summary } from './summary.ts'
import { Leaders, type Totals, add, nothing, startOver } from './totals.ts'

/** Maximum number of rows; the oldest are removed first. */
export const ROWS_MAX = 100_000
/** Maximum size of their JSON, in characters. */
export const CHARS_MAX = 96 * 1024 * 1024
/** Maximum size of a copy, in characters. */
const COPY_CHARS_MAX = 32 * 1024 * 1024
/** Maximum number of events in a row of folded events. */
export const FOLDED_MAX = 100

/** Types of events whose last one says what is true in the room, and the number of rows to search for them. */
const LASTING = ['room_user', 'like', 'goal', 'battle', 'battle_score']
const RECALLED_MAX = 10_000

const shownOf = ({ json: _json, hay: _hay, ...row }: Kept): Row => row

/** Types that come in bursts and say little: consecutive ones share a row. */
const isNoise = (type: string): boolean => type.startsWith('link')

const linesOf = (json: string): number => json.split('\n').length

export class Store {
  readonly rows = new Ring<Kept>()
  /** Positions of the rows that match the filter. */
  #shown = new Ring<number>()
  #streaks = new Streaks()
  readonly leaders = new Leaders()
  #filter = { hidden: [] as readonly string[], query: '', from: '', to: '' }
  #chars = 0
  /** Number of changes of rows. Positions are used again after rows were removed, versions are not. */
  #changes = 0
  /** Names of the hosts of battles, by their ids. */
  #hosts = new Map<string, string>()
  /** The room and pass of the replay. */
  #room = ''
  #pass = ''
  /** Position of the row of the last event. */
  newest = -1
  totals: Totals = nothing()
  /** Number of rows by group. */
  groups: Record<string, number> = {}
  forgotten = 0

  get shown(): number {
    return this.#shown.length
  }

  /** Total number of matching rows removed so far. */
  get dropped(): number {
    return this.#shown.first
  }

  /** Parses and stores a message. Returns `undefined` if it is not an event. Rows before `held` stay when a replay goes back. */
  take(json: string, held = 0): Event | undefined {
    const event = readEvent(json)
    if (!event) {
      this.totals.malformed += 1
      return undefined
    }
    add(this.totals, event, this.#hosts)
    if (event.type === 'connection_created') {
      this.leaders.clear()
      const room = `${event.stream} ${event.username} ${text(event.data.roomId)}`
      if (event.replay && this.#goBack(room, `${event.generation}`, event.ts, held)) return event
    }
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
      time: event.ts,
      repeatCount: number(data.repeatCount) ?? 1,
      repeatDelta: number(data.repeatDelta) ?? 0,
      diamonds: number(data.diamonds) ?? 0,
      isFinal: data.isFinal === true,
    }
    const { row: at, state: { count, added, diamonds, final }, isNew } = this.#streaks.add(part, this.rows.end, this.rows.first)
    if (isNew) return this.#push({ ...this.#row(event, json), count, added, diamonds, final })
    const row = this.rows.at(at)
    if (!row) return
    this.#chars += json.length - row.json.length
    this.#change(at, row, { count, added, diamonds, final, json })
    this.#makeRoom()
  }

  #change(at: number, row: Kept, change: Partial<Kept>): void {
    Object.assign(row, change, { version: (this.#changes += 1) })
    this.newest = at
  }

  /** When another pass of a replay begins: removes the rows after its start, which it shows again. Returns whether the rows before it lead up to it. */
  #goBack(room: string, pass: string, ts: string, held: number): boolean {
    const [isSameRoom, isSamePass] = [room === this.#room, pass === this.#pass]
    this.#room = room
    this.#pass = pass
    if (!isSameRoom) this.#streaks.clear()
    if (!isSameRoom || isSamePass) return false
    const isAfter = (row: Kept | undefined): boolean => row?.replay === true && row.time >= ts
    let end = this.rows.end
    for (let at = end - 1; at >= Math.max(held, this.rows.first); at -= 1) {
      const row = this.rows.at(at)
      // Of a pass without events, nothing stays. A gap goes with the events before it.
      if (isAfter(row) || (row?.type === 'connection_created' && at === end - 1)) end = at
      else if (row?.type !== 'gap') break
    }
    const changed = this.#streaks.goBack(ts, end)
    const removed = this.rows.slice(end, this.rows.end)
    for (const row of removed) this.#forget(row)
    this.rows.cut(end)
    this.#shown.cut(this.#shown.lowerBound((position) => position < end))
    for (const { row: at, state: { count, added, diamonds, final } } of changed) {
      const row = this.rows.at(at)
      if (row) this.#change(at, row, { count, added, diamonds, final })
    }
    this.newest = end - 1
    // Before the start of a pass, events may be missing.
    const isSeen = changed.length > 0 || (isAfter(removed[0]) && removed[0]?.type !== 'connection_created')
    const last = this.rows.at(end - 1)
    const leadsHere = isSeen && last?.replay === true && !isAfter(last)
    if (leadsHere) this.#recall()
    return leadsHere
  }

  /** Takes the replay back to its start, before the first event of the pass: the recording has none at once. */
  rewind(generation: number, ts: string): void {
    if (this.#room === '' || this.#pass === `${generation}`) return
    this.leaders.clear()
    startOver(this.totals, ts)
    this.#goBack(this.#room, `${generation}`, ts, 0)
  }

  /** Reports again what the rows say about the room: not sums, but what is true until another event says something else. */
  #recall(): void {
    const last = new Map<string, Kept>()
    for (let at = this.rows.end - 1; at >= Math.max(this.rows.first, this.rows.end - RECALLED_MAX) && last.size < LASTING.length; at -= 1) {
      const row = this.rows.at(at) as Kept
      if (LASTING.includes(row.type) && !last.has(row.type)) last.set(row.type, row)
    }
    for (const { json } of [...last.values()].reverse()) {
      const event = readEvent(json)
      if (event) add(this.totals, event, this.#hosts)
    }
  }

  /** Adds the event to the last row, if that is one of its kind. The row keeps the JSON of each event, one per line. */
  #fold(event: Event, json: string): boolean {
    const row = this.rows.at(this.rows.end - 1)
    const count = (row?.count ?? 1) + 1
    if (!row || !isNoise(row.type) || count > FOLDED_MAX) return false
    const { type, time, text, hay } = this.#row(event, json)
    this.#chars += json.length + 1
    const more = { type, time, text, count, json: `${row.json}\n${json}`, hay: `${row.hay}\n${hay}` }
    this.#change(this.rows.end - 1, row, more)
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
      version: (this.#changes += 1),
      json,
      hay: `${name}\n@${handle}\n${parts(line).join('')}\n${type}`.toLowerCase(),
    }
    const gift = giftOf(event)
    if (gift !== undefined) row.gift = gift
    const user = isFields(event.data.user) ? event.data.user : {}
    if (event.data.isHistory === true) row.note = 'history'
    else if (user.isModerator === true) row.note = 'moderator'
    else if (user.isSubscriber === true) row.note = 'subscriber'
    return row
  }

  #push(row: Kept): void {
    const position = this.rows.push(row)
    this.newest = position
    this.#chars += row.json.length
    this.groups[row.group] = (this.groups[row.group] ?? 0) + 1
    if (this.#passes(row)) this.#shown.push(position)
    this.#makeRoom()
  }

  #forget({ group, json }: Kept): void {
    this.groups[group] = (this.groups[group] ?? 0) - 1
    this.#chars -= json.length
  }

  #makeRoom(): void {
    while (this.rows.length > ROWS_MAX || (this.#chars > CHARS_MAX && this.rows.length > 1)) {
      const position = this.rows.first
      this.#forget(this.rows.shift() as Kept)
      this.forgotten += 1
      if (this.#shown.at(this.#shown.first) === position) this.#shown.shift()
    }
  }

  #passes(row: Kept): boolean {
    const { hidden, query, from, to } = this.#filter
    const isInside = from === '' || (row.replay && row.time >= from && row.time < to)
    return isInside && !hidden.includes(row.group) && (query === '' || row.hay.includes(query))
  }

  filter(filter: Filter): void {
    const [from = '', to = ''] = (filter.span ?? '').split('/')
    this.#filter = { hidden: filter.hidden, query: filter.query.trim().toLowerCase(), from, to }
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
      return shownOf(this.rows.at(position) as Kept)
    })
  }

  /** The row of the last event, and its index among the matching rows; -1 if it does not match the filter. */
  last(): { row: Row; index: number } | undefined {
    const row = this.rows.at(this.newest)
    if (!row) return undefined
    const at = this.#shown.lowerBound((position) => position < this.newest)
    return { row: shownOf(row), index: this.#shown.at(at) === this.newest ? at - this.#shown.first : -1 }
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
