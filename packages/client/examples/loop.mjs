// Loops over the feed from the start of the backlog: `node examples/loop.mjs ws://127.0.0.1:3000/`

import { createWebSocketClient } from '@livetape/client'

const client = createWebSocketClient({ url: process.argv[2] ?? 'ws://127.0.0.1:3000/', since: 0 })
const events = client.events({ types: ['chat', 'gift', 'disconnected'] })
await client.connect()

let diamonds = 0
for await (const event of events) {
  if (event.type === 'chat') console.log(`${event.data.sender}: ${event.data.comment}`)
  else if (event.type === 'gift') diamonds += event.data.diamonds
  else break
}
console.log(`${diamonds} diamonds`)
client.disconnect()
