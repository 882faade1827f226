// A server of `cargo xtask bench node`: handlers of `@livetape/node`.

import { createApp } from '../../packages/node/dist/index.mjs'

const [mode, burst] = process.argv.slice(2)
const app = createApp()
const echo = (socket, message) => {
  socket.send(message)
}
const broadcast = (socket, message) => {
  for (let i = 0; i < burst; i++) app.broadcast(message)
}
app.websocket('/', { onMessage: mode === 'echo' ? echo : broadcast })
console.log((await app.listen(0)).port)
