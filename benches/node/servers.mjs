// The servers of `cargo xtask bench node`: `node servers.mjs livetape|ws <mode> <burst>`. Both have the same handlers, and print their port.

import { createRequire } from 'node:module'

const [kind, mode, burst] = process.argv.slice(2)
const echo = (socket, message) => {
  socket.send(message)
}

/** Handlers of `@livetape/node`. */
async function livetape() {
  const { createApp } = await import('../../packages/node/dist/index.mjs')
  const app = createApp()
  const broadcast = (socket, message) => {
    for (let i = 0; i < burst; i++) app.broadcast(message)
  }
  app.websocket('/', { onMessage: mode === 'echo' ? echo : broadcast })
  console.log((await app.listen(0)).port)
}

/** Handlers of npm `ws`. */
function ws() {
  // From the peers' lock file.
  const { WebSocketServer } = createRequire(new URL('../peers/package.json', import.meta.url))('ws')
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false })
  const broadcast = (socket, message) => {
    for (let i = 0; i < burst; i++) for (const client of server.clients) client.send(message)
  }
  const onMessage = mode === 'echo' ? echo : broadcast
  server.on('connection', (socket) => socket.on('message', (data) => onMessage(socket, data.toString())))
  server.on('listening', () => console.log(server.address().port))
}

await { livetape, ws }[kind]()
