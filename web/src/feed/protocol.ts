/** Messages between the page and its worker. */

import type { LinkState } from './connection.ts'
import type { Leader } from './leaders.ts'
import type { Row } from './row.ts'
import type { Totals } from './totals.ts'

export interface Filter {
  /** Hidden groups of event types. */
  hidden: readonly string[]
  query: string
}

export type Order =
  | { do: 'connect'; url: string; protocols: string[] }
  | { do: 'reconnect' }
  | { do: 'look'; first: number; count: number; follow: number }
  | { do: 'filter'; filter: Filter }
  | { do: 'pause'; paused: boolean }
  | { do: 'clear' }
  /** The replay was moved to its start, whose time is `ts`. */
  | { do: 'rewind'; generation: number; ts: string }
  /** The page has drawn the last view and wants the next. */
  | { do: 'drawn' }
  | { do: 'json'; ask: number; row?: number }

/** The visible part of the feed. */
export interface View {
  is: 'view'
  /** Number of rows that match the filter. */
  total: number
  /** Total number of such rows removed so far: the visible rows move up by the difference. */
  dropped: number
  /** Index of the first of `rows`. */
  first: number
  rows: Row[]
  /** Number of rows received since the view was paused. */
  waiting: number
  /** Number of rows of all types, and of those removed to stay within the limit. */
  held: number
  forgotten: number
  /** Number of events by group. */
  groups: Record<string, number>
  totals: Totals
  /** The row of the last event, and its index among the rows that match the filter; -1 if it does not. */
  last: { row: Row; index: number } | undefined
  leaders: readonly Leader[]
  link: LinkState
}

export type Report = View | { is: 'json'; ask: number; text: string; count: number }
