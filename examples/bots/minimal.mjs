// Counts diamonds, with the package `ws`: `npm install ws`, then `livetape run demo --exit-when-done -- node minimal.mjs`.
import WebSocket from 'ws'

let [diamonds, since] = [0, '']

function connect() {
  const socket = new WebSocket(process.env.LIVETAPE_URL + since)
  socket.on('message', (text) => {
    const { type, data, stream, seq } = JSON.parse(text)
    if (seq) since = `?since=${stream}:${seq}`
    if (type === 'gift') console.log(`diamonds: ${(diamonds += data.diamonds)}`)
  })
  socket.on('close', (code) => {
    if (code === 4001) since = ''
    if (code !== 1000 && code !== 1008) setTimeout(connect, 3000)
  })
  socket.on('error', ({ message }) => console.error(message))
}

connect()
