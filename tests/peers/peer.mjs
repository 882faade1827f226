// Shared by the programs that run Node clients: hosts, order of frames, and output.

import { createRequire } from 'node:module'
import zlib from 'node:zlib'

const require = createRequire(import.meta.url)

export const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** Loads an unmodified client and points its hosts at a mock. */
export function load(name, base) {
  process.env.SIGN_API_URL = base
  // The clients decompress in Node's thread pool, which reorders frames that arrive together. Decompressing synchronously keeps their
  // order without changing the clients.
  zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes))
  const config = require(`${name}/dist/lib/config`).default
  const { host } = new URL(base)
  config.TIKTOK_HOST_WEB = host
  config.TIKTOK_HOST_WEBCAST = host
  return require(name)
}

/** Describes an error by class and text. 2.0.3 also rejects with plain strings. */
export function describe(thrown) {
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
export async function run(connection, order, events) {
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
