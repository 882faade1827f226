// Counts what viewers do in a LIVE, with tiktok-live-connector 2.5.0: `node bot.mjs [user]`.
//
// The library passes on messages that were sent twice, and does not connect again: both are left to the bot.

import { ControlEvent, TikTokLiveConnection, WebcastEvent } from 'tiktok-live-connector'

/** Time without any data after which a connection is taken for lost, in ms. A room answers each heartbeat. */
const SILENT_MS = 60_000
/** First and longest wait before another attempt, in ms. */
const [WAIT_MS, WAIT_MS_MAX] = [1_000, 30_000]

// `livetape test --suite room` sets this, and SIGN_API_URL. The library uses HTTPS for 127.0.0.1, and HTTP for 0.0.0.0.
const host = process.env.LIVETAPE_MOCK_URL && new URL(process.env.LIVETAPE_MOCK_URL).host.replace('127.0.0.1', '0.0.0.0')
const webConfigOverrides = host ? { TIKTOK_HOST_WEB: host, TIKTOK_HOST_WEBCAST: host } : {}
const connection = new TikTokLiveConnection(process.argv[2] ?? 'demo', { webConfigOverrides })

let [chats, likes, diamonds] = [0, 0, 0]
/** Ids of messages. */
const seen = new Set()
/** Highest count of each streak. */
const streaks = new Map()
let lastData = 0
let isOver = false

/** Whether a message was not sent before. Some have no id. */
function isNew({ common }) {
  const id = common?.msgId ?? '0'
  if (seen.has(id)) return false
  if (id !== '0') seen.add(id)
  return true
}

/** Returns what a gift adds: within a streak, its count rises with each message. */
function added({ groupId, giftId, repeatCount, user }) {
  if (!groupId || groupId === '0') return repeatCount
  const streak = `${user?.id} ${giftId} ${groupId}`
  const before = streaks.get(streak) ?? 0
  streaks.set(streak, Math.max(before, repeatCount))
  return Math.max(0, repeatCount - before)
}

/** Counts new messages of a type. */
function on(type, count) {
  connection.on(type, (message) => {
    if (!isNew(message)) return
    count(message)
    console.log(`chats: ${chats} likes: ${likes} diamonds: ${diamonds}`)
  })
}

on(WebcastEvent.CHAT, () => (chats += 1))
on(WebcastEvent.LIKE, ({ count }) => (likes += count))
on(WebcastEvent.GIFT, (message) => (diamonds += added(message) * (message.gift?.diamondCount ?? 0)))
connection.on(WebcastEvent.STREAM_END, () => (isOver = true))
connection.on(ControlEvent.WEBSOCKET_DATA, () => (lastData = Date.now()))
connection.on(ControlEvent.ERROR, ({ info, exception }) => console.error(info, exception?.message))

/** Connects, and waits for the end of the connection. */
async function watch() {
  const ended = new Promise((resolve) => connection.once(ControlEvent.DISCONNECTED, resolve))
  await connection.connect()
  lastData = Date.now()
  const watchdog = setInterval(() => Date.now() > lastData + SILENT_MS && connection.disconnect(), 1_000)
  await ended
  clearInterval(watchdog)
}

/** Returns the wait that an error or one of its causes states, in ms. */
function stated(error) {
  if (typeof error !== 'object' || error === null) return 0
  const causes = [error.cause, error.config?.requestErr, ...(error.config?.requestErrs ?? [])]
  const own = Number.isFinite(error.retryAfter) ? error.retryAfter : 1_000 * (Number(error.response?.headers?.['retry-after']) || 0)
  return Math.max(own, ...causes.map(stated))
}

let wait = WAIT_MS
while (!isOver) {
  let told = 0
  try {
    await watch()
    wait = WAIT_MS
  } catch (error) {
    console.error(error?.constructor?.name, error?.message)
    // A little later than told: clocks differ. The user may go live later, but not within seconds.
    told = error?.constructor?.name === 'UserOfflineError' ? WAIT_MS_MAX : stated(error) + 100
  }
  if (!isOver) await new Promise((resolve) => setTimeout(resolve, Math.max(told, wait)))
  wait = Math.min(2 * wait, WAIT_MS_MAX)
}
