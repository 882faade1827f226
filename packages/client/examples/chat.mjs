// Two clients chat in a room: `node examples/chat.mjs ws://127.0.0.1:3000/ws`

import { createWebSocketClient } from '@livetape/client'

const url = process.argv[2] ?? 'ws://127.0.0.1:3000/ws'
const [ann, bob] = ['ann', 'bob'].map((clientId) => createWebSocketClient({ url, clientId, feed: false }))
await Promise.all([ann.connect(), bob.connect()])

const [, room] = await Promise.all([ann.joinRoom('general-chat'), bob.joinRoom('general-chat')])
ann.on('roomMessage', (roomId, message, from) => {
  console.log(`[${roomId}] ${from}: ${message}`)
  ann.disconnect()
  bob.disconnect()
})
await room.send('Hello, everyone!')
