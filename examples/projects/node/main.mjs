// Prints the totals of a LIVE when they change: `npx --no-install livetape run demo --exit-when-done -- node main.mjs`.

import { Bot } from './bot.mjs'

const PRINT_MS = 100

let timer
let printed = ''

function print() {
  clearTimeout(timer)
  timer = undefined
  const line = String(bot)
  if (line !== printed) console.log(line)
  printed = line
}

const { LIVETAPE_URL: url = 'ws://127.0.0.1:3000/', LIVETAPE_TOKEN: token } = process.env
const bot = new Bot({ url, token, onEvent: () => (timer ??= setTimeout(print, PRINT_MS)) })

bot.client.on('disconnected', ({ code, meaning, final }) => {
  print()
  if (!final || code === 1000) return
  console.error(`closed for good: ${meaning}`)
  process.exitCode = 1
})

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => bot.client.disconnect())

await bot.client.connect().catch(({ code, message, hint }) => {
  // A signal arrived before the first connection was open.
  if (code === 'closed') return
  console.error('gave up:', message, hint ?? '')
  process.exitCode = 1
})
