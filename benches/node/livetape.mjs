// A server of `cargo xtask bench node`: handlers of `@livetape/node`.

import { createApp } from '../../packages/node/dist/index.mjs'

const app = createApp()
const echo = (socket, message) => {
  socket.send(message)
}
const broadcast = (socket, message) => {
  app.broadcast(message)
}
app.websocket('/', { onMessage: process.argv[2] === 'echo' ? echo : broadcast })
console.log((await app.listen(0)).port)
