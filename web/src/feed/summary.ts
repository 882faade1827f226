/** One-line summaries of events, as text without control characters: the page never interprets them as markup. */

import { titleOf } from '../failures.ts'
import { grouped } from '../lib/format.ts'
import { shorten } from '../lib/pictures.ts'
import { isolate, plain } from '../lib/plain.ts'
import { eventTexts as say } from '../texts.ts'
import { type Event, type Fields, isFields, number, text } from './event.ts'

/** Maximum length of a line, in characters; the details show the whole event. */
export const LINE_CHARS_MAX = 400
const NAME_CHARS_MAX = 80
/** Maximum number of keys shown for an unfamiliar event type. */
const KEYS_MAX = 6

const count = (data: Fields, key: string): string => grouped(number(data[key]) ?? 0)

/** Truncates a line without splitting a surrogate pair. */
export function cut(line: string, max: number): string {
  if (line.length <= max) return line
  const last = line.charCodeAt(max - 1)
  return `${line.slice(0, last >= 0xd800 && last < 0xdc00 ? max - 1 : max)}…`
}

/** A text of the event. */
const said = (value: unknown): string => plain(text(value))

/** A name: what is left of a text without white space around it, shortened. */
export const named = (value: unknown): string => cut(said(value).trim(), NAME_CHARS_MAX)

const SENTENCES: Record<string, (data: Fields) => string> = {
  chat: (data) => said(data.comment),
  gift: (data) => say.gift(named(data.giftName) || `#${count(data, 'giftId')}`),
  like: (data) => say.like(number(data.likeCount) ?? 0),
  member: () => say.member,
  social: (data) => (Object.hasOwn(say.social, text(data.action)) ? (say.social[text(data.action)] as string) : said(data.action)),
  subscribe: (data) => say.subscribe(number(data.subMonth) ?? 0),
  room_user: (data) => say.viewers(number(data.viewerCount) ?? 0),
  control: (data) => say.control(named(data.state) || count(data, 'action')),
  emote: (data) => say.emote(Array.isArray(data.emotes) ? data.emotes.length : 0),
  envelope: (data) => say.envelope(number(data.diamondCount) ?? 0),
  question: (data) => said(data.questionText),
  live_intro: (data) => said(data.description),
  connection_created: (data) => (number(data.generation) ? say.starts : say.connected(named(data.roomId), named(data.source))),
  connection_closed: (data) => say.closed(text(data.reason), data.willRetry === true),
  disconnected: (data) => ended(text(data.reason)),
  error: (data) => say.error(named(titleOf(text(data.code), text(data.title))), text(data.message)),
  gap: (data) => said(data.message) || say.gap(number(data.from) ?? 0, number(data.to) ?? 0),
  unknown: (data) => [said(data.method), said(data.fault)].filter(Boolean).join(' · '),
  caption: (data) => captions(data.texts),
}

/** Why the source ended: in words of ours, or the title of the failure. */
const ended = (reason: string): string =>
  Object.hasOwn(say.disconnected, reason) ? (say.disconnected[reason] as string) : say.failed(named(titleOf(reason)))

const captions = (value: unknown): string =>
  Array.isArray(value) ? value.map((item) => (isFields(item) ? said(item.text) : '')).join(' ') : ''

/** Keys that hold the main text of an unfamiliar event type. */
const SPOKEN = ['text', 'content', 'message', 'title', 'description', 'comment', 'noticeText']

/** Returns a string, or the one inside `{key, text}`. */
const spoken = (value: unknown): string => said(isFields(value) ? value.text : value).trim()

/** Summarizes an unfamiliar event by its main text, else by its scalars. */
function scalars(data: Fields): string {
  const main = SPOKEN.map((key) => spoken(data[key])).find((line) => line !== '')
  if (main) return main
  const parts: string[] = []
  for (const [key, value] of Object.entries(data)) {
    if (key === 'timestamp' || key === 'sender' || value === null || (typeof value === 'object' && !(Array.isArray(value) && value.length > 0))) continue
    if (typeof value === 'string' && named(value) === '') continue
    const told = typeof value === 'string' ? isolate(named(value)) : Array.isArray(value) ? `${value.length}×` : String(value)
    parts.push(`${named(key)} ${told}`)
    if (parts.length === KEYS_MAX) break
  }
  return parts.join(' · ')
}

export function summary({ type, data }: Event): string {
  const sentence = Object.hasOwn(SENTENCES, type) ? SENTENCES[type]?.(data) : undefined
  // Line breaks become spaces.
  return cut((sentence || scalars(data)).replace(/\s+/gu, ' '), LINE_CHARS_MAX)
}

/** The user who caused the event: by nickname, as in the overlays and in TikTok's app. `handle` is the unique id if that is not the name. */
export function person({ data }: Event): { key: string; name: string; handle: string } {
  const user = isFields(data.user) ? data.user : {}
  const id = named(data.sender) || named(user.uniqueId)
  const name = named(user.nickname) || id
  return { key: text(user.userId) || id, name, handle: id === name ? '' : id }
}

/** Name of the gift to draw, as the overlays have it; `undefined` for events without a gift. */
export const giftOf = ({ type, data }: Event): string | undefined =>
  type === 'gift' ? shorten(text(data.giftName)) || 'a gift' : undefined
