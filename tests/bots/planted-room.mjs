// A correct client of a room, and a bug planted into it: `BUG=never_deaf node planted-room.mjs`. `--list` prints the names of
// all bugs. It uses no client library, because those leave reconnecting to bots.
//
// Each line of `bugs` replaces a part of `right`. `cargo xtask codegen bots` writes to `expected.json` what it fails.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const WebSocket = createRequire(new URL('../../packages/client/package.json', import.meta.url))('ws')

const BUG = process.env.BUG ?? process.argv[2]
const server = process.env.LIVETAPE_MOCK_URL
const LIVE = 2
/** Actions of a control message at the end. */
const ENDED = [3, 4]
const [HEARTBEAT_MS, WATCH_MS, WAIT_MS, WAIT_MS_MAX] = [10_000, 1_000, 1_000, 10_000]
/** A pong can be late, but two heartbeats without a reply are no chance. */
const SILENT_MS = 25_000

const totals = { chats: 0, gifts: 0, diamonds: 0, likes: 0 }
const seen = new Set()
const streaks = new Map()
let [isOver, hasOpened, lastLike, second, inSecond, live, signed] = [false, false, {}]

const right = {
  /** Time without data after which a connection is lost, in ms, and what counts as data: each has a name. */
  silence: SILENT_MS,
  data: ['msg', 'hb', 'im_enter_room_resp'],
  /** Time for the upgrade, in ms, and what is done when it was not answered. */
  open: 12_000,
  late: (socket) => socket.terminate(),
  /** Time until the next lookup of a user who is not live, in ms. */
  away: 15_000,
  /** The id of the room, and what the sign server says of it. */
  room: () => room(),
  sign: (id) => get(`/webcast/fetch?client=test&room_id=${id}`),
  /** Called with each message. */
  look: () => {},
  /** Whether to close the socket because of a frame. */
  isBroken: (frame) => frame.text(7) === 'close',
  /** Called with bytes that cannot be read. */
  unreadable: ({ message }) => console.error(message),
  /** Whether to stop once a connection has ended. */
  stops: () => isOver,
  /** The count of a gift message. */
  count: (gift) => gift.number(5),
  /** All likes after a message. */
  likes: ({ count }) => totals.likes + count,
  /** Key of a streak. */
  streak: ({ user, gift, group }) => `${user} ${gift} ${group}`,
  /** What a message of a streak adds. */
  rise: (before, count) => Math.max(0, count - before),
  isNew: (id) => id === '0' || isFirst(id),
  /** Wait after a number of failures, and the one that was stated, in ms. */
  wait: (failures, told) => Math.max(told, Math.min(WAIT_MS * 2 ** failures, WAIT_MS_MAX)),
}

/** Whether an id occurs for the first time. */
const isFirst = (id) => seen.size < seen.add(id).size
/** Whether there were more than `max` messages in this second. */
const isFlood = (max) => (second === (second = Math.floor(Date.now() / 1000)) ? ++inSecond : (inSecond = 1)) > max

/** The methods that livetape knows, and another one of the demo recording. */
const known = readFileSync(new URL('../../crates/core/src/event/kinds.rs', import.meta.url), 'utf8') + '"WebcastEcTaskRegisterMessage"'

const bugs = {
  // The client's pings show that a server is there, not that it sends anything.
  never_deaf: { data: ['msg', 'hb', 'im_enter_room_resp', 'pong'] },
  no_patience_with_quiet_rooms: { silence: 95_000, data: ['chat'] },
  needs_heartbeat_replies: { silence: 12_000, data: ['hb', 'im_enter_room_resp'] },
  two_sockets_when_late: { late: () => false },
  no_patience_with_slow_networks: { open: 500 },
  // Thinks that likes are missing where there was none in 60 messages.
  fills_gaps_of_likes: {
    likes: ({ count, total }) => {
      const more = seen.size - lastLike.seen > 60 ? total - lastLike.total : count
      lastLike = { total, seen: seen.size }
      return totals.likes + more
    },
  },
  like_total: { likes: ({ total }) => total },
  streak_by_user_and_gift: { streak: ({ user, gift }) => `${user} ${gift}` },
  // Only remembers one streak.
  streak_of_the_last_gift: { streak: (gift) => (streaks.has(right.streak(gift)) || streaks.clear(), right.streak(gift)) },
  only_repeat_end: { count: (gift) => (gift.number(9) || gift.id(11) === '0' ? gift.number(5) : 0) },
  remembers_few_ids: { isNew: (id) => isFirst(id) && (seen.size <= 30 || seen.delete(seen.values().next().value)) },
  distrusts_repeated_frames: { isBroken: (frame) => !isFirst(`frame ${frame.id(2)}`) },
  parse_ids_as_numbers: { isNew: (id) => id === '0' || isFirst(Number(id)) },
  drops_in_a_burst: { isNew: (id) => right.isNew(id) && !isFlood(500) },
  breaks_on_names: { look: (method, data) => data.one(7)?.length && read(data.one(7)).text(3)[0].toUpperCase() },
  crashes_on_missing_user: { look: (method, data) => method === 'WebcastGiftMessage' && data.one(7).length },
  crashes_on_unknown: { look: (method) => known.includes(`"${method}"`) || process.exit(1) },
  crashes_on_damage: { unreadable: () => process.exit(1) },
  needs_the_list_of_gifts: { sign: (id) => get('/webcast/gift/list/').then(() => right.sign(id), () => process.exit(1)) },
  // And gives up soon.
  looks_up_twice: { sign: (id) => room().then(() => right.sign(id)), wait: (failures, told) => (failures < 2 ? right.wait(failures, told) : undefined) },
  never_ends: { room: async () => (live ??= await room()), sign: async (id) => (signed ??= await right.sign(id)), stops: () => (isOver = false) },
  asks_all_the_time: { away: 100, wait: (failures, told) => told || 100 },
  does_not_wait_as_told: { wait: (failures) => right.wait(failures, 0) },
  never_reconnects: { wait: (failures, told) => (hasOpened ? undefined : right.wait(failures, told)) },
  gives_up_at_start: { wait: (failures, told) => (hasOpened ? right.wait(failures, told) : undefined) },
  gives_up_after_one: { wait: (failures, told) => (failures < 1 ? right.wait(failures, told) : undefined) },
  gives_up_after_three: { wait: (failures, told) => (failures < 3 ? right.wait(failures, told) : undefined) },
  never_waits: { wait: () => 100 },
}

if (BUG === '--list') {
  console.log(Object.keys(bugs).join('\n'))
  process.exit()
}
if (BUG && !Object.hasOwn(bugs, BUG)) throw new Error(`there is no bug ${BUG}`)
const bot = { ...right, ...bugs[BUG] }

/** Reads the fields of a message. Returns the first value of each number, and all as lists: BigInts or buffers. */
function read(bytes) {
  const fields = {}
  let at = 0
  const varint = () => {
    let [value, shift, byte] = [0n, 0n]
    do {
      if (at >= bytes.length) throw new Error('truncated')
      byte = bytes[at++]
      value |= BigInt(byte & 0x7f) << shift
      shift += 7n
    } while (byte & 0x80)
    return value
  }
  const take = (length) => {
    if (at + length > bytes.length) throw new Error('truncated')
    return bytes.subarray(at, (at += length))
  }
  while (at < bytes.length) {
    const key = Number(varint())
    const value = [varint, () => take(8), () => take(Number(varint())), , , () => take(4)][key & 7]?.()
    if (value === undefined) throw new Error('malformed')
    ;(fields[key >> 3] ??= []).push(value)
  }
  return { one: (number) => fields[number]?.[0], all: (number) => fields[number] ?? [], number: (number) => Number(fields[number]?.[0] ?? 0n), id: (number) => String(fields[number]?.[0] ?? 0n), text: (number) => String(fields[number]?.[0] ?? '') }
}

/** Writes a push frame of this type. */
function push(type, logId, payload = '') {
  const bytes = []
  const varint = (value) => {
    for (; value > 0x7fn; value >>= 7n) bytes.push(Number(value & 0x7fn) | 0x80)
    bytes.push(Number(value))
  }
  const field = (number, value) => (varint(BigInt(number << 3 | 2)), varint(BigInt(value.length)), bytes.push(...Buffer.from(value)))
  if (logId) (varint(16n), varint(logId))
  field(6, 'pb')
  field(7, type)
  if (payload) field(8, payload)
  return Buffer.from(bytes)
}

let printed = ''

function print() {
  const line = Object.entries(totals).map(([name, value]) => `${name}: ${value}`).join(' ')
  if (line !== printed) console.log(line)
  printed = line
}

/** Counts a message. Returns its type. */
function count(message) {
  const [method, id] = [message.text(1), message.id(3)]
  const data = read(message.one(2) ?? Buffer.alloc(0))
  bot.look(method, data)
  if (method === 'WebcastControlMessage' && ENDED.includes(data.number(2))) isOver = true
  if (!bot.isNew(id)) return
  const user = (number) => (data.one(number) ? read(data.one(number)).id(1) : '0')
  if (method === 'WebcastChatMessage') totals.chats += 1
  else if (method === 'WebcastLikeMessage') totals.likes = bot.likes({ count: data.number(2), total: data.number(3) })
  else if (method === 'WebcastGiftMessage') {
    const [count, group] = [bot.count(data), data.id(11)]
    const streak = group === '0' ? undefined : bot.streak({ user: user(7), gift: data.id(2), group })
    const before = streaks.get(streak) ?? 0
    if (streak) streaks.set(streak, Math.max(before, count))
    const rise = streak ? bot.rise(before, count) : count
    totals.gifts += rise
    totals.diamonds += rise * (data.one(15) ? read(data.one(15)).number(12) : 0)
  }
  return method === 'WebcastChatMessage' ? 'chat' : undefined
}

function countBatch(batch) {
  let types = []
  for (const message of batch.all(1)) {
    try {
      types.push(count(read(message)))
    } catch (error) {
      bot.unreadable(error)
    }
  }
  print()
  return types
}

/** Requests a URL. Returns the bytes of the response, or throws an error with the stated wait. */
async function get(path) {
  const response = await fetch(server + path)
  if (response.status === 200) return Buffer.from(await response.arrayBuffer())
  const after = response.headers.get('retry-after') ?? response.headers.get('ratelimit-reset') ?? '0'
  const told = /^\d+$/.test(after) ? 1000 * Number(after) : new Date(after) - Date.now()
  throw Object.assign(new Error(`${response.status} from ${path}`), { told: told + 100 })
}

/** Looks the user up. Returns the id of the room, or nothing if there is none. */
async function room() {
  const text = String(await get('/api-live/user/room/?aid=1988&uniqueId=demo'))
  if (!text.startsWith('{')) throw new Error('a captcha')
  const { data } = JSON.parse(text)
  return data?.liveRoom?.status === LIVE && data.user.roomId
}

/** Connects, and waits for the end of the connection. Returns whether it was open. */
async function connect() {
  const id = await bot.room()
  if (!id) {
    await new Promise((resolve) => setTimeout(resolve, bot.away))
    return false
  }
  const batch = read(await bot.sign(id))
  const [address, cursor, ext] = [batch.text(10), batch.text(2), batch.text(5)]
  if (!address || !cursor) throw new Error('an unusable response of the sign server')
  // Its batch has messages, too.
  const query = new URLSearchParams({ room_id: id, cursor, internal_ext: ext })
  const socket = new WebSocket(`${address}?${query}`)
  let [wasOpen, last] = [false, Date.now()]
  const note = (what) => bot.data.includes(what) && (last = Date.now())
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => bot.late(socket) === false && resolve(false), bot.open)
    const heartbeat = setInterval(() => {
      if (socket.readyState !== WebSocket.OPEN) return
      socket.send(push('hb'))
      socket.ping()
    }, HEARTBEAT_MS)
    const watchdog = setInterval(() => wasOpen && Date.now() > last + bot.silence && socket.terminate(), WATCH_MS)
    socket.on('open', () => {
      wasOpen = hasOpened = true
      last = Date.now()
      clearTimeout(late)
      socket.send(push('im_enter_room'))
      countBatch(batch)
    })
    socket.on('pong', () => note('pong'))
    socket.on('message', (bytes) => {
      try {
        const frame = read(bytes)
        const type = frame.text(7)
        note(type)
        if (bot.isBroken(frame)) socket.terminate()
        if (type !== 'msg' && type !== 'im_enter_room_resp') return
        const batch = read(frame.one(8) ?? Buffer.alloc(0))
        countBatch(batch).forEach((type) => type && note(type))
        if (batch.number(9)) socket.send(push('ack', frame.one(2), batch.text(5)))
        if (isOver) socket.close(1000)
      } catch (error) {
        bot.unreadable(error)
      }
    })
    socket.on('error', ({ message }) => console.error(message))
    socket.on('close', () => {
      clearTimeout(late)
      clearInterval(heartbeat)
      clearInterval(watchdog)
      if (wasOpen) resolve(true)
      else reject(new Error('the WebSocket did not open'))
    })
  })
}

print()
let failures = 0
for (;;) {
  let told = 0
  try {
    if (await connect()) failures = 0
  } catch (error) {
    console.error(error.message)
    told = error.told ?? 0
  }
  if (bot.stops()) break
  const wait = bot.wait(failures++, told)
  if (wait === undefined) break
  await new Promise((resolve) => setTimeout(resolve, wait))
}
