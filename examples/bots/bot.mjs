// Counts what viewers do in a LIVE. Run it with `livetape run demo --exit-when-done -- node bot.mjs`.

import { createWebSocketClient } from '@livetape/client'

const PRINT_MS = 100

let totals, timer
let printed = ''

function startOver() {
  totals = { chats: 0, gifts: 0, diamonds: 0, likes: 0, follows: 0, gifters: new Map() }
}

/** Returns the viewer who gave the most diamonds; of several, the one who gave first. */
function topGifter() {
  let [top, most] = ['', -1]
  for (const [name, diamonds] of totals.gifters) if (diamonds > most) [top, most] = [name, diamonds]
  return top
}

function print() {
  clearTimeout(timer)
  timer = undefined
  const { chats, gifts, diamonds, likes, follows } = totals
  const line = `chats: ${chats} gifts: ${gifts} diamonds: ${diamonds} likes: ${likes} follows: ${follows} top_gifter: ${topGifter()}`
  if (line !== printed) console.log(line)
  printed = line
}

startOver()

// Without `types`, every event moves the position, so a reconnect always resumes where the connection broke.
const client = createWebSocketClient({
  url: process.env.LIVETAPE_URL ?? 'ws://127.0.0.1:3000/',
  token: process.env.LIVETAPE_TOKEN,
  maxReconnectAttempts: Infinity,
  maxReconnectDelay: 5000,
  onStartOver: startOver,
  onEvent: () => (timer ??= setTimeout(print, PRINT_MS)),
  onError: ({ message, hint }) => console.error(message, hint ?? ''),
  onReconnecting: ({ delayMs }) => console.error(`reconnecting in ${delayMs} ms`),
})

client.on('event:chat', () => (totals.chats += 1))

client.on('event:gift', ({ data: { sender, repeatDelta, diamonds } }) => {
  // A streak sends several events. Each reports only what it adds.
  totals.gifts += repeatDelta
  totals.diamonds += diamonds
  // TikTok sometimes leaves out who sent a gift.
  if (sender) totals.gifters.set(sender, (totals.gifters.get(sender) ?? 0) + diamonds)
})

// Not `totalLikeCount`, which TikTok only estimates.
client.on('event:like', ({ data }) => (totals.likes += data.likeCount))

client.on('event:social', ({ data }) => {
  if (data.action === 'follow') totals.follows += 1
})

client.on('disconnected', ({ code, meaning, final }) => {
  print()
  if (!final || code === 1000) return
  console.error(`closed for good: ${meaning}`)
  process.exitCode = 1
})

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => client.disconnect())

await client.connect().catch(({ code, message, hint }) => {
  // A signal arrived before the first connection was open.
  if (code === 'closed') return
  console.error('gave up:', message, hint ?? '')
  process.exitCode = 1
})
