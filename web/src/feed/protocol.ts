/** Messages between the page and its worker, and the rows of the event list in them. */

import type { LinkState } from './connection.ts'
import type { Leader, Totals } from './totals.ts'

export interface Filter {
  /** Hidden groups of event types. */
  hidden: readonly string[]
  query: string
  /** Only what was replayed from this time on, and before the second, as `from/to`; empty for all. */
  span?: string
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
  /** Number of rows by group. */
  groups: Record<string, number>
  totals: Totals
  /** The row of the last event, and its index among the rows that match the filter; -1 if it does not. */
  last: { row: Row; index: number } | undefined
  leaders: readonly Leader[]
  link: LinkState
}

export type Report = View | { is: 'json'; ask: number; text: string; count: number }

/** A row of the event list. */
export interface Row {
  /** Unique and stable on this page. */
  id: number
  /** Number of its first event; 0 for rows of the page. */
  seq: number
  type: string
  group: string
  /** Time of receipt, from the server. */
  time: string
  /** Key that the avatar’s colour depends on. */
  key: string
  /** Nickname of the person; the unique id if there is none. */
  name: string
  /** Unique id of the person, unless it is the name. */
  handle: string
  /** A sentence, whose texts from outside are isolated. */
  text: string
  /** Whether it comes from a recording. */
  replay: boolean
  /** Name of the gift to draw. */
  gift?: string
  /** For a streak: its count and diamonds so far, what its last event added to the count, and whether it is over. */
  count?: number
  added?: number
  diamonds?: number
  final?: boolean
  /** The event happened before this connection, or who caused it. */
  note?: 'history' | 'moderator' | 'subscriber'
  /** Counts changes, so that only changed rows are drawn again. */
  version: number
}

/** A row as the worker stores it. */
export interface Kept extends Row {
  json: string
  /** Lowercase text to search. */
  hay: string
}

/** Filter group of each event type; types not listed are in `other`. */
const GROUPS: Record<string, string> = {
  chat: 'chat',
  emote: 'chat',
  caption: 'chat',
  barrage: 'chat',
  question: 'chat',
  gift: 'gift',
  envelope: 'gift',
  goody_bag: 'gift',
  like: 'like',
  member: 'member',
  unauthorized_member: 'member',
  social: 'social',
  subscribe: 'social',
  room_user: 'viewers',
  connection_created: 'source',
  connection_closed: 'source',
  disconnected: 'source',
  error: 'source',
  control: 'source',
  gap: 'source',
  unknown: 'unknown',
}

export const GROUP_NAMES = ['chat', 'gift', 'like', 'member', 'social', 'viewers', 'source', 'other', 'unknown'] as const

/** Groups that the list only shows on request: what no person in the room did. */
export const ASIDE: readonly string[] = ['viewers', 'other', 'unknown']

export const groupOf = (type: string): string => (Object.hasOwn(GROUPS, type) ? (GROUPS[type] as string) : 'other')
