// Prints each gift streak once, when it ends: `node examples/alerts.mjs ws://127.0.0.1:3000/`

import { createWebSocketClient } from '@livetape/client'

const client = createWebSocketClient({
  url: process.argv[2] ?? 'ws://127.0.0.1:3000/',
  types: ['gift', 'disconnected'],
  gifts: 'final',
  maxReconnectAttempts: Infinity,
  onLoss: (loss) => console.error('lost:', loss),
  onError: (error) => console.error(error.message, error.hint ?? ''),
})

client.on('event:gift', ({ data }) => console.log(`${data.sender} sent ${data.giftName} x${data.repeatCount}, ${data.diamonds} diamonds`))
client.on('event:disconnected', () => client.disconnect())

await client.connect()
