// A bot: thanks for gifts and answers `!help`. Without a user, it replays the demo.

import { createApp } from '@livetape/node'

const user = process.argv[2]
const app = createApp(user ? { live: user } : { replay: 'demo', speed: process.env.SPEED ?? 1 })
const events = app.events({ types: ['gift', 'chat', 'disconnected'], gifts: 'final' })
await app.listen()

for await (const event of events) {
  if (event.type === 'gift') console.log(`Thanks for ${event.data.repeatCount} × ${event.data.giftName}, ${event.data.sender}!`)
  if (event.type === 'chat' && event.data.comment === '!help') console.log(`@${event.data.sender} type !help`)
  if (event.type === 'disconnected') break
}
await app.close()
