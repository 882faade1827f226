// Moderation: refuses clients, cancels joins, and drops or changes messages before their room receives them.

import { createApp } from '@livetape/node'

const banned = new Set(['mallory'])
const app = createApp({ port: Number(process.env.PORT ?? 3000), handlerTimeoutMs: 1000 })

app.websocket('/chat', {
  onConnect: ({ clientId }) => ({ shouldCancel: banned.has(clientId) }),
  onJoinRoom: (socket, roomId) => ({ shouldCancel: roomId === 'staff' && socket.getMetadata('role') !== 'staff' }),
  async onMessage(socket, message) {
    if (message.includes('http://')) return { shouldCancel: true }
    if (/darn/i.test(message)) return { modifiedEvent: { message: message.replace(/darn/gi, '****') } }
  },
  onError: (socket, error) => console.error(socket.clientId, error.code, error.message),
})

// Without this, clients of the built-in `/ws` could join the same rooms unmoderated. REST still can: see the README.
app.websocket('/ws', { onConnect: () => ({ shouldCancel: true }) })

const { port } = await app.listen()
console.log(`chat on ws://127.0.0.1:${port}/chat`)
