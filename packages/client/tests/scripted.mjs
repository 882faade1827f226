// A server that sends what livetape never would.

import { once } from 'node:events'

import { WebSocketServer } from 'ws'

/** Starts it. `talk` is called with each socket, its request, and its number. */
export async function scripted(talk = () => undefined) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: (offered) => [...offered][0] })
  await once(server, 'listening')
  const seen = []
  server.on('connection', (socket, request) => talk(socket, request, seen.push(request)))
  const close = () => (server.clients.forEach((socket) => socket.terminate()), server.close())
  return { ws: `ws://127.0.0.1:${server.address().port}/`, seen, sockets: server.clients, close }
}
