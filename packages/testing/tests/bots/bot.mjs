// `node bot.mjs [BUG]`: a bot that adds up the diamonds of a LIVE, healthy or with one planted bug. It reconnects when it reads a line: after
// a time, it could be back before it has missed anything. It prints the total when the server shuts down.

import { on, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import { WebSocket } from 'ws'

const { LIVETAPE_URL, SIGN_API_URL } = process.env
const has = (bug) => process.argv[2] === bug
const SHUTTING_DOWN = 1001

/** Asks the sign server, as clients of TikTok do before they connect. */
async function sign() {
  for (;;) {
    const response = await fetch(`${SIGN_API_URL}/webcast/fetch?unique_id=ann`)
    if (response.ok) return
    await sleep(has('ignores Retry-After') ? 50 : Number(response.headers.get('retry-after')) * 1000)
  }
}

function worth({ type, data }) {
  if (type !== 'gift') return 0
  return has('counts every streak frame') ? data.diamondCount * data.repeatCount : data.diamonds
}

/** Collects the names of viewers. Not every event has one. */
async function greet({ type, data }, names) {
  if (type !== 'connection_created' && type !== 'disconnected') names.add(has('dies of an unhandled rejection') ? data.user.uniqueId : data.user?.uniqueId)
}

await sign()
const names = new Set()
let [diamonds, position] = [0, '']
for (;;) {
  const socket = new WebSocket(position && !has('does not resume') ? `${LIVETAPE_URL}?since=${position}` : LIVETAPE_URL)
  const closed = once(socket, 'close')
  for await (const [data] of on(socket, 'message', { close: ['close'] })) {
    const event = JSON.parse(data)
    position = `${event.stream}:${event.seq}`
    await greet(event, names)
    diamonds += worth(event)
  }
  if ((await closed)[0] === SHUTTING_DOWN) break
  await once(process.stdin, 'data')
  process.stdin.pause()
}
console.log(diamonds)
