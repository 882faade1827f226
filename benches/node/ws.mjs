// A server of `cargo xtask bench node`: the same handlers with npm `ws`.

import { createRequire } from 'node:module'

// From the peers' lock file.
const { WebSocketServer } = createRequire(new URL('../peers/package.json', import.meta.url))('ws')
const [mode, burst] = process.argv.slice(2)
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 4096, perMessageDeflate: false })
const echo = (socket, message) => {
  socket.send(message)
}
const broadcast = (socket, message) => {
  for (let i = 0; i < burst; i++) for (const client of server.clients) client.send(message)
}
const onMessage = mode === 'echo' ? echo : broadcast
server.on('connection', (socket) => socket.on('message', (data) => onMessage(socket, data.toString())))
server.on('listening', () => console.log(server.address().port))
