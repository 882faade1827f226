// The bot of the README: adds up diamonds, and reconnects.

const { WebSocket } = require('ws')

function startBot(url) {
  const bot = { diamonds: 0 }
  const connect = () => {
    const socket = new WebSocket(url)
    socket.on('message', (text) => {
      const { type, data } = JSON.parse(text)
      if (type === 'gift') bot.diamonds += data.diamonds
    })
    socket.on('error', () => {})
    socket.on('close', (code) => code === 1011 && setTimeout(connect, 50))
  }
  connect()
  return bot
}

module.exports = { startBot }
