// What the programs around the two Node clients share: hosts, order, and lines of JSON.

import { createRequire } from 'node:module'
import zlib from 'node:zlib'

const require = createRequire(import.meta.url)

export const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** Loads an unmodified client with its hosts set to a mock's address. */
export function load(name, base) {
  process.env.SIGN_API_URL = base
  // The clients unzip in Node's thread pool, so that frames which arrive together come out in any order.
  // Unzipping at once takes the pool's order out of the comparison; the clients themselves are as published.
  zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes))
  const config = require(`${name}/dist/lib/config`).default
  const { host } = new URL(base)
  config.TIKTOK_HOST_WEB = host
  config.TIKTOK_HOST_WEBCAST = host
  return require(name)
}

/** What was thrown: class and text, or the string itself, as 2.0.3 rejects strings. */
export function describe(thrown) {
  if (typeof thrown === 'string') return { type: 'error', class: 'string', message: thrown }
  const { constructor, message, errors = [], retryAfter, resetTime } = thrown
  const causes = errors.map((error) => error.message)
  return { type: 'error', class: constructor.name, message, causes, retryAfter, resetTime }
}

/** What the client is told of a room and its gifts. */
async function room(connection) {
  const id = await connection.fetchRoomId()
  connection.webClient.roomId = id
  const { data } = await connection.fetchRoomInfo()
  const gifts = await connection.fetchAvailableGifts()
  return { type: 'room', id, status: data.status, gifts: gifts.length }
}

/** Connects, or only asks (`is-live`, `room`). Prints until the socket is closed; the end of stdin closes it. */
export async function run(connection, order, events) {
  try {
    if (order === 'is-live') return print({ type: 'live', live: await connection.fetchIsLive() })
    if (order === 'room') return print(await room(connection))
    for (const [event, fields] of Object.entries(events)) {
      connection.on(event, (data) => print({ type: event, ...fields(data) }))
    }
    connection.on('streamEnd', ({ action }) => print({ type: 'streamEnd', action }))
    connection.on('error', ({ info, exception }) => {
      print({ type: 'problem', info, message: String(exception?.message ?? exception) })
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
    // Timers of the clients (e.g. the 20 s that 2.0.3 waits for a socket) would keep the process alive.
    process.stdout.write('', () => process.exit(0))
  }
}
