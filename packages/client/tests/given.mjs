// Servers, clients and connections, which end with the test that started them, the last one first.

import { once } from 'node:events'

import { onTestFinished } from 'vitest'
import { WebSocketServer } from 'ws'

import { LIVETAPE, proxy as startProxy, start } from '../../../tests/support/livetape.mjs'
import { createWebSocketClient as create } from '../dist/livetape-client.js'

export async function serve(args, options) {
  const server = await start(LIVETAPE, args, options)
  onTestFinished(() => server.stop())
  return server
}

export async function proxy(target, options) {
  const wire = await startProxy(target, options)
  onTestFinished(wire.close)
  return wire
}

export function createWebSocketClient(options) {
  const client = create(options)
  onTestFinished(() => client.disconnect())
  return client
}

/** Starts a server that sends what livetape never would. `talk` is called with each socket, its request, and its number. */
export async function scripted(talk = () => undefined) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: (offered) => [...offered][0] })
  await once(server, 'listening')
  const seen = []
  server.on('connection', (socket, request) => talk(socket, request, seen.push(request)))
  const close = () => (server.clients.forEach((socket) => socket.terminate()), server.close())
  onTestFinished(close)
  return { ws: `ws://127.0.0.1:${server.address().port}/`, seen, sockets: server.clients, close }
}
