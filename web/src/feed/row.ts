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
  /** The event happened before this connection. */
  note?: 'history'
  /** Counts changes, so that only changed rows are drawn again. */
  version: number
}

/** A row as the worker stores it. */
export interface Kept extends Row {
  json: string
  /** Number of its events. */
  events: number
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

export const groupOf = (type: string): string => (Object.hasOwn(GROUPS, type) ? (GROUPS[type] as string) : 'other')
