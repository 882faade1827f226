// Adds up the diamonds of a LIVE, as a bot in Node (bot.mjs) or an overlay on a page. Healthy, or with one planted bug.

/** The planted bugs. */
export const BUGS = ['ignores Retry-After', 'counts every streak frame', 'does not resume', 'dies of an unhandled rejection']

const [IGNORES_RETRY_AFTER, COUNTS_EVERY_FRAME, DOES_NOT_RESUME, DIES] = BUGS
const SHUTTING_DOWN = 1001

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks the sign server, as clients of TikTok do before they connect. */
async function sign(url, bug) {
  for (;;) {
    const response = await fetch(url)
    if (response.ok) return
    await sleep(bug === IGNORES_RETRY_AFTER ? 50 : Number(response.headers.get('retry-after')) * 1000)
  }
}

/** The events of a WebSocket. Returns the close code. */
async function* messages(socket) {
  const events = []
  let wake = () => {}
  const arrived = (event) => {
    events.push(event)
    wake()
  }
  socket.addEventListener('message', ({ data }) => arrived(JSON.parse(data)))
  socket.addEventListener('close', ({ code }) => arrived({ code }))
  socket.addEventListener('error', () => {})
  for (;;) {
    while (events.length === 0) await new Promise((resolve) => (wake = resolve))
    const event = events.shift()
    if ('code' in event) return event.code
    yield event
  }
}

function worth({ type, data }, bug) {
  if (type !== 'gift') return 0
  return bug === COUNTS_EVERY_FRAME ? data.diamondCount * data.repeatCount : data.diamonds
}

/** Collects the names of viewers. Not every event has one. */
async function greet({ type, data }, names, bug) {
  if (type !== 'connection_created' && type !== 'disconnected') names.add(bug === DIES ? data.user.uniqueId : data.user?.uniqueId)
}

/**
 * Runs until the server shuts down, and shows each new total. It reconnects when `again` resolves: after a time, it
 * could be back before it has missed anything.
 */
export async function addUpDiamonds({ feedUrl, signUrl, bug, show, again }) {
  await sign(signUrl, bug)
  const names = new Set()
  let [diamonds, position] = [0, '']
  for (;;) {
    const socket = new WebSocket(position && bug !== DOES_NOT_RESUME ? `${feedUrl}?since=${position}` : feedUrl)
    const events = messages(socket)
    for (;;) {
      const { done, value } = await events.next()
      if (done && value === SHUTTING_DOWN) return
      if (done) break
      position = `${value.stream}:${value.seq}`
      await greet(value, names, bug)
      diamonds += worth(value, bug)
      show(diamonds)
    }
    await again()
  }
}
