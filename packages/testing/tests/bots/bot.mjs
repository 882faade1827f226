// `node bot.mjs [BUG]`: a bot that reconnects when it reads a line, and prints the total at the end.

import { once } from 'node:events'

import { WebSocket } from 'ws'

import { addUpDiamonds } from './diamonds.mjs'

// Node 20 has none.
globalThis.WebSocket ??= WebSocket

const { LIVETAPE_URL, SIGN_API_URL } = process.env
let total = 0
const again = async () => {
  await once(process.stdin, 'data')
  process.stdin.pause()
}
await addUpDiamonds({ feedUrl: LIVETAPE_URL, signUrl: `${SIGN_API_URL}/webcast/fetch?unique_id=ann`, bug: process.argv[2], show: (diamonds) => (total = diamonds), again })
console.log(total)
