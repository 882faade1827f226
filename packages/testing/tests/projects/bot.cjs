// The bot of the README: adds up diamonds, and reconnects until it is stopped.

const { WebSocket } = require('ws')

function startBot(url) {
  let [socket, timer] = []
  const bot = {
    diamonds: 0,
    stop() {
      clearTimeout(timer)
      socket.removeAllListeners('close').close()
    },
  }
  const connect = () => {
    socket = new WebSocket(url)
    socket.on('message', (text) => {
      const { type, data } = JSON.parse(text)
      if (type === 'gift') bot.diamonds += data.diamonds
    })
    socket.on('error', () => {})
    socket.on('close', (code) => code === 1011 && (timer = setTimeout(connect, 50)))
  }
  connect()
  return bot
}

module.exports = { startBot }
