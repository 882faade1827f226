/** One-line summaries of events, as plain text: the page never interprets them as markup. */

import { grouped } from '../lib/format.ts'
import { shorten } from '../lib/gift.ts'
import { texts } from '../texts.ts'
import { type Event, type Fields, isFields, number, text } from './event.ts'

/** Maximum length of a line, in characters; the details show the whole event. */
export const LINE_CHARS_MAX = 400
const NAME_CHARS_MAX = 80
/** Maximum number of keys shown for an unfamiliar event type. */
const KEYS_MAX = 6

const say = texts.events
const count = (data: Fields, key: string): string => grouped(number(data[key]) ?? 0)

/** Truncates a line without splitting a surrogate pair. */
export function cut(line: string, max: number): string {
  if (line.length <= max) return line
  const last = line.charCodeAt(max - 1)
  return `${line.slice(0, last >= 0xd800 && last < 0xdc00 ? max - 1 : max)}…`
}

const SENTENCES: Record<string, (data: Fields) => string> = {
  chat: (data) => text(data.comment),
  gift: (data) => say.gift(text(data.giftName) || `#${count(data, 'giftId')}`),
  like: (data) => say.like(number(data.likeCount) ?? 0),
  member: () => say.member,
  social: (data) => (Object.hasOwn(say.social, text(data.action)) ? (say.social[text(data.action)] as string) : text(data.action)),
  subscribe: (data) => say.subscribe(number(data.subMonth) ?? 0),
  room_user: (data) => say.viewers(number(data.viewerCount) ?? 0),
  control: (data) => say.control(text(data.state) || count(data, 'action')),
  emote: (data) => say.emote(Array.isArray(data.emotes) ? data.emotes.length : 0),
  envelope: (data) => say.envelope(number(data.diamondCount) ?? 0),
  question: (data) => text(data.questionText),
  live_intro: (data) => text(data.description),
  connection_created: (data) => say.connected(text(data.roomId), text(data.source)),
  connection_closed: (data) => say.closed(text(data.reason), data.willRetry === true),
  disconnected: (data) => say.disconnected(text(data.reason)),
  error: (data) => [text(data.title), text(data.message)].filter(Boolean).join(': '),
  gap: (data) => text(data.message) || say.gap(number(data.from) ?? 0, number(data.to) ?? 0),
  unknown: (data) => [text(data.method), text(data.fault)].filter(Boolean).join(' · '),
  caption: (data) => captions(data.texts),
}

const captions = (value: unknown): string =>
  Array.isArray(value) ? value.map((item) => (isFields(item) ? text(item.text) : '')).join(' ') : ''

/** Keys that hold the main text of an unfamiliar event type. */
const SPOKEN = ['text', 'content', 'message', 'title', 'description', 'comment', 'noticeText']

/** Returns a string, or the one inside `{key, text}`. */
const spoken = (value: unknown): string => (isFields(value) ? text(value.text) : text(value)).trim()

/** Summarizes an unfamiliar event by its main text, else by its scalars. */
function scalars(data: Fields): string {
  const said = SPOKEN.map((key) => spoken(data[key])).find((line) => line !== '')
  if (said) return said
  const parts: string[] = []
  for (const [key, value] of Object.entries(data)) {
    const told = Array.isArray(value) && value.length > 0 ? `${value.length}×` : value
    if (key === 'timestamp' || key === 'sender' || told === null || typeof told === 'object') continue
    if (typeof told === 'string' && told.trim() === '') continue
    parts.push(`${key} ${cut(String(told), 80)}`)
    if (parts.length === KEYS_MAX) break
  }
  return parts.join(' · ')
}

export function summary({ type, data }: Event): string {
  const sentence = Object.hasOwn(SENTENCES, type) ? SENTENCES[type]?.(data) : undefined
  // Line breaks become spaces.
  return cut((sentence || scalars(data)).replace(/\s+/gu, ' '), LINE_CHARS_MAX)
}

/** The user who caused the event. */
export function person({ data }: Event): { key: string; name: string; nickname: string } {
  const user = isFields(data.user) ? data.user : {}
  const name = cut(text(data.sender) || text(user.uniqueId), NAME_CHARS_MAX)
  const nickname = cut(text(user.nickname), NAME_CHARS_MAX)
  return { key: text(user.userId) || name, name, nickname: nickname === name ? '' : nickname }
}

/** Name of the gift to draw, as the overlays have it; `undefined` for events without a gift. */
export const giftOf = ({ type, data }: Event): string | undefined =>
  type === 'gift' ? shorten(text(data.giftName)) || 'a gift' : undefined
