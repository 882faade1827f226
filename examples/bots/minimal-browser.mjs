// Counts diamonds, with the WebSocket of browsers and of Node 22: `livetape run demo --exit-when-done -- node minimal-browser.mjs`.
let [diamonds, since] = [0, '']

function connect() {
  const socket = new WebSocket(process.env.LIVETAPE_URL + since)
  socket.onmessage = ({ data: text }) => {
    const { type, data, stream, seq } = JSON.parse(text)
    if (seq) since = `?since=${stream}:${seq}`
    if (type === 'gift') console.log(`diamonds: ${(diamonds += data.diamonds)}`)
  }
  // If it cannot connect, Node only reports `error`, browsers also `close`.
  socket.onerror = socket.onclose = ({ code }) => {
    socket.onerror = socket.onclose = null
    if (code === 4001) since = ''
    if (code !== 1000 && code !== 1008) setTimeout(connect, 3000)
  }
}

connect()
