// A correct bot, and a bug planted into it: `BUG=only_repeat_end node planted.mjs`. `--list` prints the names of all bugs.
//
// Each line of `bugs` replaces a part of `right`. `cargo xtask codegen bots` writes to `expected.json` what it fails.

import { createRequire } from 'node:module'
import { crc32 } from 'node:zlib'

// Node 20 has no WebSocket.
const WebSocket = globalThis.WebSocket ?? createRequire(new URL('../../packages/client/package.json', import.meta.url))('ws')

const BUG = process.env.BUG ?? process.argv[2]
const PRINT_MS = 100
const [NEVER_MS, TIGHT_MS, SILENCE_MS] = [2 ** 31 - 1, 50, 10_000]
const FINAL = [1000, 1008, 1009]

const totals = { chats: 0, gifts: 0, diamonds: 0, likes: 0, follows: 0, empty_texts: 0, texts: 0 }
/** Name and diamonds of each viewer, in the order of their first gift. */
const gifters = new Map()

const right = {
  /** The query of the next connection. */
  since: (position) => (position ? `?since=${position}` : ''),
  /** The position after close 4001. */
  forget: () => undefined,
  isNew: ({ stream, seq }) => stream !== last.stream || seq > last.seq,
  /** What changes with each lap, seek and restart of a replay: the stream, and the end of the ids. */
  pass: ({ replay, stream, id }) => (replay && id ? `${stream}${/~\d+$/.exec(id) ?? ''}` : undefined),
  /** What a gift event adds: gifts and diamonds. */
  gift: ({ repeatDelta, diamonds }) => [repeatDelta, diamonds],
  /** All likes after a like event. */
  likes: ({ likeCount }) => totals.likes + likeCount,
  /** Key of the viewer in the ranking. */
  gifter: ({ sender }) => sender,
  text: ({ comment }) => comment,
  /** Who is printed as the author of comments. */
  author: ({ sender }) => sender,
  /** Time until the next connection, in ms; nothing if there is none. */
  delay: (code, attempt) => (FINAL.includes(code) ? undefined : Math.min(1000 * 2 ** attempt, 5000)),
  /** Called before an event is counted. */
  look: () => {},
  /** Called once no event has come for a while. */
  silent: () => {},
}

const all = ({ repeatCount, diamondCount }) => [repeatCount, repeatCount * diamondCount]
const none = [0, 0]
const seen = new Set()
/** Whether a key occurs for the first time. */
const isFirst = (key) => seen.size < seen.add(key).size
const counted = new Map()
/** Attempts of the bot's whole life. */
let attempts = 0
/** What a gift event adds to the highest count so far of its key. */
const grown = (key, { repeatCount, diamondCount }) => {
  const delta = Math.max(0, repeatCount - (counted.get(key) ?? 0))
  counted.set(key, Math.max(repeatCount, counted.get(key) ?? 0))
  return [delta, delta * diamondCount]
}
/** The same, but forgets the count at the end of a streak. */
const untilRepeatEnd = (key, gift) => {
  const adds = grown(key, gift)
  if (gift.repeatEnd) counted.delete(key)
  return adds
}
/** The same, but only remembers one key. */
const ofTheLastGift = (key, gift) => {
  if (!counted.has(key)) counted.clear()
  return grown(key, gift)
}
const fail = (why) => {
  throw new Error(why)
}
/** The types in the server's schema. It may listen later. */
const schema = () =>
  fetch(`${process.env.LIVETAPE_HTTP}/schema/events.json`).then(
    (response) => response.json(),
    () => new Promise((resolve) => setTimeout(resolve, 500)).then(schema),
  )
const known = BUG === 'crashes_on_unknown' && (await schema()).discriminator.mapping
/** Whether there were more events in this second of the show. */
const isOver = (max, { ts }) => ((second === (second = ts.slice(0, 19)) ? ++inSecond : (inSecond = 1)) > max)
let base, second, inSecond, room

const bugs = {
  // Streaks.
  sum_of_repeat_count: { gift: all },
  only_repeat_end: { gift: (gift) => (gift.giftType !== 1 || gift.repeatEnd ? all(gift) : none) },
  first_message_only: { gift: (gift) => (!gift.streakId || isFirst(gift.streakId) ? all(gift) : none) },
  diamond_count_only: { gift: ({ repeatDelta, diamondCount }) => [repeatDelta, diamondCount] },
  messages_not_gifts: { gift: ({ diamonds }) => [1, diamonds] },
  streak_by_user_and_gift: { gift: (gift) => grown(`${gift.sender} ${gift.giftId}`, gift) },
  streak_until_repeat_end: { gift: (gift) => untilRepeatEnd(`${gift.sender} ${gift.giftId}`, gift) },
  streak_of_the_last_gift: { gift: (gift) => ofTheLastGift(gift.streakId, gift) },
  // Likes.
  like_total: { likes: ({ totalLikeCount }) => totalLikeCount },
  like_total_minus_base: { likes: ({ totalLikeCount, likeCount }) => totalLikeCount - (base ??= totalLikeCount - likeCount) },
  // People.
  empty_texts: { text: ({ text }) => text ?? '' },
  nicknames_for_ids: { author: ({ user }) => user?.nickname ?? '' },
  numbers_by_nickname: { gifter: ({ user }) => user.nickname },
  parse_ids_as_numbers: {
    gifter: ({ user }) => Number(user.userId),
    isNew: (event) => right.isNew(event) && (event.type !== 'chat' || isFirst(Number(event.id))),
  },
  crashes_on_missing_user: { look: ({ type, data }) => ['chat', 'gift'].includes(type) && data.sender[0].toUpperCase() },
  crashes_on_missing_gift: { look: ({ type, data }) => type === 'gift' && data.giftName[0].toUpperCase() },
  breaks_on_names: { look: ({ data }) => data.sender && data.user && data.user.nickname[0].toUpperCase() },
  // Events.
  crashes_on_unknown: { look: ({ type }) => type in known || fail(`unknown type ${type}`) },
  exits_on_error_event: { look: ({ type }) => type === 'error' && process.exit(1) },
  starts_over_in_a_new_room: { look: ({ type, data }) => type === 'connection_created' && room !== (room = data.roomId) && startOver() },
  drops_in_a_burst: { isNew: (event) => right.isNew(event) && !isOver(1000, event) },
  never_starts_over: { pass: () => undefined },
  exits_when_silent: { silent: () => process.exit(1) },
  // Connections.
  again_after_reconnect: { since: () => (connections > 1 ? '?since=0' : ''), isNew: () => true },
  starts_over_when_connected: {
    since: () => '',
    isNew: (event) => event.type === 'connection_created' || right.isNew(event),
    look: ({ type }) => type === 'connection_created' && startOver(),
  },
  insists_on_position: { forget: () => last },
  never_reconnects: { delay: (code) => (FINAL.includes(code) ? undefined : NEVER_MS) },
  exits_when_closed: { delay: () => undefined },
  gives_up_at_start: { delay: (code, attempt) => (last.seq ? right.delay(code, attempt) : undefined) },
  no_backoff: { delay: (code) => (FINAL.includes(code) ? undefined : TIGHT_MS) },
  reconnects_for_ever: { delay: (code, attempt, wasOpen) => (FINAL.includes(code) || !wasOpen ? TIGHT_MS : right.delay(code, attempt)) },
  reconnects_twice: {
    isNew: () => true,
    delay(code, attempt, wasOpen) {
      const delay = right.delay(code, attempt)
      // As if both `error` and `close` of an attempt that failed led to another one.
      if (delay !== undefined && !wasOpen) setTimeout(connect, delay + 1500)
      return delay
    },
  },
  comes_back_too_late: { delay: (code) => (FINAL.includes(code) ? undefined : 45_000) },
  ten_attempts_for_life: { delay: (code, attempt) => (attempts++ < 10 ? right.delay(code, attempt) : undefined) },
  backoff_for_life: { delay: (code) => (FINAL.includes(code) ? undefined : 1000 * 2 ** attempts++) },
}

if (BUG === '--list') {
  console.log(Object.keys(bugs).join('\n'))
  process.exit()
}
if (BUG && !Object.hasOwn(bugs, BUG)) fail(`there is no bug ${BUG}`)
const bot = { ...right, ...bugs[BUG] }

let last = {}
let currentPass, watch
let [connections, attempt, printed, timer] = [0, 0, '']

function startOver() {
  for (const key of Object.keys(totals)) totals[key] = 0
  gifters.clear()
}

function print() {
  timer = void clearTimeout(timer)
  const top = [...gifters.values()].reduce((top, next) => (next.diamonds > top.diamonds ? next : top), { name: '', diamonds: -1 })
  const line = Object.entries({ ...totals, gifters: gifters.size, top_gifter: top.name }).map(([name, value]) => `${name}: ${value}`).join(' ')
  if (line !== printed) console.log(line)
  printed = line
}

function count({ type, data }) {
  if (type === 'chat') {
    totals.chats += 1
    totals.empty_texts += bot.text(data) === ''
    totals.texts = (totals.texts + crc32(`${bot.author(data)} ${bot.text(data)}`)) % 2 ** 32
  }
  else if (type === 'like') totals.likes = bot.likes(data)
  else if (type === 'social' && data.action === 'follow') totals.follows += 1
  else if (type === 'gift') {
    const [gifts, diamonds] = bot.gift(data)
    totals.gifts += gifts
    totals.diamonds += diamonds
    if (!data.sender) return
    const gifter = gifters.get(bot.gifter(data)) ?? { name: data.sender, diamonds: 0 }
    gifter.diamonds += diamonds
    gifters.set(bot.gifter(data), gifter)
  }
}

function connect() {
  connections += 1
  const socket = new WebSocket(process.env.LIVETAPE_URL + bot.since(last.seq && `${last.stream}:${last.seq}`))
  let wasOpen = false
  socket.onopen = () => (wasOpen = true)
  socket.onmessage = ({ data: text }) => {
    const event = JSON.parse(text)
    if (event.type !== 'error') attempt = 0
    if (event.seq && !bot.isNew(event)) return
    const pass = bot.pass(event) ?? currentPass
    if (currentPass && pass !== currentPass) startOver()
    currentPass = pass
    bot.look(event)
    clearTimeout(watch)
    if (event.type !== 'disconnected') watch = setTimeout(bot.silent, SILENCE_MS)
    if (event.seq) last = event
    count(event)
    timer ??= setTimeout(print, PRINT_MS)
  }
  socket.onerror = socket.onclose = ({ code = 1006 }) => {
    socket.onclose = null
    socket.onerror = () => {}
    clearTimeout(watch)
    print()
    if (code === 4001) last = bot.forget() ?? {}
    const delay = bot.delay(code, attempt++, wasOpen)
    if (delay !== undefined) setTimeout(connect, delay)
  }
}

connect()
