// A client of a room that acks each frame and decodes nothing else, so that large recordings take little time. It says
// that there was one diamond.

import { createRequire } from 'node:module'

const WebSocket = createRequire(new URL('../../packages/client/package.json', import.meta.url))('ws')

const LIVE = 2
const server = process.env.LIVETAPE_MOCK_URL

/** Reads a varint. Returns its bytes, and the position after it. */
function varint(bytes, at) {
  let end = at
  while (bytes[end] & 0x80) end += 1
  return [bytes.subarray(at, end + 1), end + 1]
}

/** Returns the ack of a push frame: its `log_id`, field 2, and the `payload_type`, field 7. */
function ack(push) {
  let at = 0
  while (at < push.length) {
    const tag = push[at]
    const [value, next] = varint(push, at + 1)
    if (tag === 0x10) return Buffer.concat([push.subarray(at, at + 1), value, Buffer.from('\x3a\x03ack', 'latin1')])
    if ((tag & 7) !== 0) return
    at = next
  }
}

async function connect() {
  const { data } = await (await fetch(`${server}/api-live/user/room/?uniqueId=demo&aid=1988`)).json()
  if (data.liveRoom.status !== LIVE) return
  const socket = new WebSocket(`${server}/webcast/im/ws_proxy/ws_reuse_supplement/?room_id=${data.user.roomId}`)
  socket.on('message', (push) => {
    const answer = ack(push)
    if (answer) socket.send(answer)
  })
  socket.on('error', ({ message }) => console.error(message))
  await new Promise((resolve) => socket.on('close', resolve))
  await connect()
}

console.log('diamonds: 1')
await connect()
