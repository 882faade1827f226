// The bot of the README: adds up diamonds, and reconnects until it is stopped.

const { WebSocket } = require('ws')

const [RETRY_MS, RETRY_MS_MAX] = [50, 5_000]
/** Close codes after which nothing changes: the show is over, or the request wrong. */
const FINAL = [1000, 1008]
const UNKNOWN_POSITION = 4001

function startBot(url) {
  let [socket, timer, since, wait] = [undefined, undefined, '', RETRY_MS]
  const bot = {
    diamonds: 0,
    stop() {
      clearTimeout(timer)
      socket.removeAllListeners('close').close()
    },
  }
  const connect = () => {
    socket = new WebSocket(url + since)
    socket.on('message', (text) => {
      const { type, data, stream, seq } = JSON.parse(text)
      // A rejection has no position.
      if (!stream) return
      since = `?since=${stream}:${seq}`
      wait = RETRY_MS
      if (type === 'gift') bot.diamonds += data.diamonds
    })
    socket.on('error', () => {})
    socket.on('close', (code) => {
      if (FINAL.includes(code)) return
      if (code === UNKNOWN_POSITION) since = ''
      timer = setTimeout(connect, wait)
      wait = Math.min(2 * wait, RETRY_MS_MAX)
    })
  }
  connect()
  return bot
}

module.exports = { startBot }
