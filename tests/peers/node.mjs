// Runs an unmodified npm tiktok-live-connector: `node node.mjs <version> <package> <base URL> <user> [is-live|room]`. `clients.mjs` has the versions.

import { createRequire, syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'

const require = createRequire(import.meta.url)

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** Points a client's hosts at a mock, in its configuration. */
function redirect(name, base) {
  const config = require(`${name}/dist/lib/config`).default
  const { host } = new URL(base)
  config.TIKTOK_HOST_WEB = host
  config.TIKTOK_HOST_WEBCAST = host
}

/** By default ws emits all frames of a read at once, and uncompressed frames overtake compressed ones. */
const wsClientOptions = { allowSynchronousEvents: false }

const OF_207 = {
  redirect,
  options: () => ({ wsClientOptions }),
  events: {
    chat: ({ common, comment }) => ({ id: common.msgId, comment }),
    gift: ({ common, giftId, repeatCount }) => ({ id: common.msgId, giftId, repeatCount }),
    like: ({ common, likeCount }) => ({ id: common.msgId, likeCount }),
    member: ({ common }) => ({ id: common.msgId }),
  },
}

/** By version: how to point the client at a mock, its options, and what to print of each event. */
const VERSIONS = {
  '2.0.3': {
    redirect,
    options: () => ({}),
    events: {
      chat: ({ event, comment }) => ({ id: event.msgId, comment }),
      gift: ({ event, giftId, repeatCount }) => ({ id: event.msgId, giftId, repeatCount }),
      member: ({ event }) => ({ id: event.msgId }),
      like: ({ event, likeCount }) => ({ id: event.msgId, likeCount }),
    },
  },
  '2.0.7': OF_207,
  '2.1.0': OF_207,
  '2.5.0': {
    redirect: () => undefined,
    options(base) {
      // It uses HTTPS for 127.0.0.1, but HTTP for 0.0.0.0.
      const host = `0.0.0.0:${new URL(base).port}`
      return { enableExtendedGiftInfo: true, webConfigOverrides: { TIKTOK_HOST_WEB: host, TIKTOK_HOST_WEBCAST: host }, wsClientOptions }
    },
    events: {
      chat: ({ common, content }) => ({ id: common.msgId, comment: content }),
      gift: ({ common, giftId, repeatCount }) => ({ id: common.msgId, giftId: Number(giftId), repeatCount }),
      like: ({ common, count }) => ({ id: common.msgId, likeCount: count }),
      member: ({ common }) => ({ id: common.msgId }),
    },
  },
}

/** Describes an error by class and text. 2.0.3 also rejects with plain strings. */
function describe(thrown) {
  if (!(thrown instanceof Object)) return { type: 'error', class: typeof thrown, message: String(thrown) }
  const { constructor, message, errors = [], retryAfter, resetTime } = thrown
  const causes = errors.map((error) => error.message)
  return { type: 'error', class: constructor.name, message, causes, retryAfter, resetTime }
}

/** Requests the room and its gifts. */
async function room(connection) {
  const id = await connection.fetchRoomId()
  connection.webClient.roomId = id
  const { data } = await connection.fetchRoomInfo()
  const gifts = await connection.fetchAvailableGifts()
  return { type: 'room', id, status: data.status, gifts: gifts.length }
}

/** Connects and prints events until the socket closes; the end of stdin closes it. `is-live` and `room` only send requests. */
async function run(connection, order, events) {
  try {
    if (order === 'is-live') return print({ type: 'live', live: await connection.fetchIsLive() })
    if (order === 'room') return print(await room(connection))
    for (const [event, fields] of Object.entries(events)) {
      connection.on(event, (data) => print({ type: event, ...fields(data) }))
    }
    connection.on('streamEnd', ({ action }) => print({ type: 'streamEnd', action }))
    connection.on('error', ({ info, exception }) => {
      print({ type: 'problem', info, class: describe(exception).class, message: String(exception?.message ?? exception) })
    })
    const closed = new Promise((resolve) => connection.on('disconnected', resolve))
    const { roomId } = await connection.connect()
    print({ type: 'connected', roomId })
    process.stdin.on('end', () => connection.disconnect()).resume()
    await closed
    print({ type: 'disconnected' })
  } catch (thrown) {
    print(describe(thrown))
  } finally {
    // The clients' timers would keep the process alive, such as the 20 s that 2.0.3 waits for a socket.
    process.stdout.write('', () => process.exit(0))
  }
}

const [version, name, base, user, order] = process.argv.slice(2)
process.env.SIGN_API_URL = base
// The clients decompress in Node's thread pool, which reorders frames that arrive together. Decompressing synchronously keeps their
// order without changing the clients.
zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes))
syncBuiltinESMExports()
const client = VERSIONS[version]
client.redirect(name, base)
const { TikTokLiveConnection } = require(name)
await run(new TikTokLiveConnection(user, client.options(base)), order, client.events)
