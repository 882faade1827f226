/** An event as a line of the list. */

export interface Row {
  /** Its number on this page; never changes, never comes again. */
  id: number
  type: string
  group: string
  /** When it was received, as the server says. */
  time: string
  /** Whose picture is drawn: a key for the colour. */
  key: string
  name: string
  nickname: string
  text: string
  /** Of a streak: how many so far, worth how much, and whether it is over. */
  count?: number
  diamonds?: number
  final?: boolean
  /** What was said before this connection. */
  note?: 'history'
  /** Counts changes, so that only what changed is drawn again. */
  version: number
}

/** A row as the worker keeps it. */
export interface Kept extends Row {
  json: string
  /** What is searched. */
  hay: string
}

/** Types that are filtered as one. The others are `other`; lines of ours are `link`. */
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
