// The clients of `cargo xtask bench node`, the same for both servers. They count bytes, because every message has the same length.

import { once } from 'node:events'
import { connect } from 'node:net'

/** Length of a message, and of the frames around it in both directions, in bytes. */
const MESSAGE_BYTES = 100
const FRAME_BYTES = 2 + MESSAGE_BYTES
const SENT_BYTES = 6 + MESSAGE_BYTES
const STAMP_CHARS = 16
/** Maximum number of concurrent handshakes. */
const CONNECTING_MAX = 64

const [mode, port, connections, inFlight, messages, perSecond, burst] = process.argv.slice(2).map((arg, at) => (at === 0 ? arg : Number(arg)))
const now = () => Number(process.hrtime.bigint() / 1000n)
const late = []

/** A text message with the time, in a masked frame. The mask is zero. */
function frames(count) {
  const bytes = Buffer.alloc(SENT_BYTES * count, '.')
  const stamp = String(now()).padStart(STAMP_CHARS, '0')
  for (let at = 0; at < bytes.length; at += SENT_BYTES) {
    bytes.writeUInt16BE(0x8180 | MESSAGE_BYTES, at)
    bytes.writeUInt32BE(0, at + 2)
    bytes.write(stamp, at + 6, 'latin1')
  }
  return bytes
}

/** Connects. `taken(socket, count)` is called for each batch of complete messages. */
async function open(taken) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.write(`GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
  const [head] = await once(socket, 'data')
  if (!/^HTTP\/1.1 101 .*\r\n\r\n$/s.test(String(head))) throw new Error(`unexpected answer: ${head}`)
  let rest = 0
  socket.on('data', (bytes) => {
    // The first complete header of a batch tells its lateness.
    const at = (FRAME_BYTES - rest) % FRAME_BYTES
    if (bytes.length >= at + 2 + STAMP_CHARS) late.push(now() - Number(bytes.latin1Slice(at + 2, at + 2 + STAMP_CHARS)))
    const count = Math.floor((rest + bytes.length) / FRAME_BYTES)
    rest = (rest + bytes.length) % FRAME_BYTES
    if (count > 0) taken(socket, count)
  })
  return socket.on('close', () => fail('the server closed a socket'))
}

const fail = (why) => {
  console.error(why)
  process.exit(1)
}

async function openAll(count, taken) {
  const sockets = []
  while (sockets.length < count) {
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(CONNECTING_MAX, count - sockets.length) }, () => open(taken)))))
  }
  return sockets
}

let done = 0
let over
const ended = new Promise((resolve) => (over = resolve))
let driver
let started = 0
let sent = 0

/** Every socket has `inFlight` messages on the way. */
function echoed(socket, count) {
  done += count
  if (done >= messages) return over()
  socket.write(frames(count))
}

/** The first socket sends a message when all sockets have received an earlier one, or at a fixed rate. Each is delivered `burst` times. */
function delivered(socket, count) {
  done += count
  const each = burst * connections
  if (done >= messages * each) return over()
  if (!perSecond) while (sent < messages && sent * each < done + inFlight * each) drive()
}

function drive() {
  sent += 1
  driver.write(frames(1))
}

const sockets = await openAll(connections, mode === 'echo' ? echoed : delivered)
console.log('ready')
await once(process.stdin, 'data')
started = performance.now()
if (mode === 'echo') {
  for (const socket of sockets) socket.write(frames(inFlight))
} else {
  driver = sockets[0]
  if (perSecond) {
    const step = (i) => i < messages && (drive(), setTimeout(step, started + ((i + 1) * 1000) / perSecond - performance.now(), i + 1))
    step(0)
  } else for (let i = 0; i < inFlight; i++) drive()
}
await ended
const seconds = (performance.now() - started) / 1000
late.sort((a, b) => a - b)
console.log(JSON.stringify({ seconds, done, p50: late[Math.floor(late.length / 2)] / 1000, p99: late[Math.floor(late.length * 0.99)] / 1000 }))
process.exit()
