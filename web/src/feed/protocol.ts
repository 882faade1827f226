/** What the page and its worker say to each other. */

import type { LinkState } from './connection.ts'
import type { Row } from './row.ts'
import type { Totals } from './totals.ts'

export interface Filter {
  /** Groups of types that are not shown. */
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
  /** The page has drawn the last view and wants the next. */
  | { do: 'drawn' }
  | { do: 'json'; ask: number; row?: number }

/** What is seen. */
export interface View {
  is: 'view'
  /** Rows that pass the filter. */
  total: number
  /** How many such rows were dropped in front, ever: what is seen moves up by the difference. */
  dropped: number
  /** Where `rows` begin. */
  first: number
  rows: Row[]
  /** Rows that came while the view stands still. */
  waiting: number
  /** Rows of all types, and how many of those were forgotten for want of room. */
  held: number
  forgotten: number
  /** Events that came, by group. */
  groups: Record<string, number>
  totals: Totals
  link: LinkState
}

export type Report = View | { is: 'json'; ask: number; text: string; count: number }
