// A chat with rooms: clients send {"type":"join_room","room_id":"…"}, then {"type":"room_message","room_id":"…","message":"…"}.

import { createApp } from '@livetape/node'

const app = createApp({ port: Number(process.env.PORT ?? 3000) })

app.websocket('/chat', {
  onConnect: (socket) => socket.send(`Hello ${socket.clientId}. Rooms: ${app.getAllRooms().map(({ id }) => id).join(', ')}`),
  // The first to join a room creates it after this.
  onJoinRoom: (socket, roomId) => app.getRoom(roomId) && app.broadcast(`${socket.clientId} joins`, roomId),
  onLeaveRoom: (socket, roomId) => app.broadcast(`${socket.clientId} leaves`, roomId),
  // A client that disconnects does not ask to leave. Its room may be gone with it.
  onClose: ({ clientId, roomId }) => app.getRoom(roomId ?? '') && app.broadcast(`${clientId} leaves`, roomId),
  // Text that is not for a room only reaches the handler.
  onMessage: (socket, message, roomId) => (roomId === undefined ? socket.send(`You said: ${message}`) : undefined),
})

await app.createRoom('General', { id: 'general', maxConnections: 100 })
const { port } = await app.listen()
console.log(`chat on ws://127.0.0.1:${port}/chat`)
