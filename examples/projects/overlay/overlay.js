// Shows the latest gifts of a LIVE, and all diamonds. `?url=` is the address of the feed.

const SHOWN_MAX = 5

const diamonds = document.getElementById('diamonds')
const gifts = document.getElementById('gifts')
/** The row of each streak that is shown, and its number of gifts. */
const rows = new Map()
let total = 0

function startOver() {
  total = 0
  diamonds.value = 0
  rows.clear()
  gifts.replaceChildren()
}

/** A streak sends several events, and stays one row. Each event reports what it adds. */
function show({ sender, giftName, repeatDelta, diamonds: added, streakId }, id) {
  diamonds.value = total += added
  if (repeatDelta === 0) return
  const key = streakId ?? id
  const row = rows.get(key) ?? { element: document.createElement('li'), count: 0 }
  row.count += repeatDelta
  // Never as HTML: viewers choose their names.
  row.element.textContent = `${sender}: ${row.count} × ${giftName}`
  // The latest is the first, also in `rows`.
  rows.delete(key)
  rows.set(key, row)
  gifts.prepend(row.element)
  for (const [oldest, { element }] of rows) {
    if (rows.size <= SHOWN_MAX) break
    rows.delete(oldest)
    element.remove()
  }
}

// Without `types`, every event moves the position, so a reconnect always resumes where the connection broke.
const client = Livetape.createWebSocketClient({
  url: new URLSearchParams(location.search).get('url') ?? 'ws://127.0.0.1:3000/',
  maxReconnectAttempts: Infinity,
  maxReconnectDelay: 5000,
  onStartOver: startOver,
})
client.on('event:gift', ({ data, id }) => show(data, id))
client.on('disconnected', ({ final }) => document.body.classList.toggle('ended', final))
client.on('error', ({ message, hint }) => console.error(message, hint ?? ''))
void client.connect()
