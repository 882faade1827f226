// Rooms, broadcast and echo by hand.

'use strict'

/** Maximum number of messages shown; the oldest are removed first. */
const SHOWN_MAX = 500
/** Maximum number of characters shown of a message. */
const CHARACTERS_MAX = 4000
const find = (id) => document.getElementById(id)
let socket

function show(sign, text) {
  const line = document.createElement('li')
  // Only text, never markup: other clients write the messages.
  for (const [tag, content] of [['time', new Date().toTimeString().slice(0, 8)], ['span', sign], ['code', text.slice(0, CHARACTERS_MAX)]]) {
    line.appendChild(document.createElement(tag)).textContent = content
  }
  line.classList.toggle('error', /"type":"(error|room_join_error)"/.test(text))
  find('log').append(line)
  while (find('log').childElementCount > SHOWN_MAX) find('log').firstElementChild.remove()
  line.scrollIntoView({ block: 'nearest' })
}

function enable() {
  const isOpen = socket?.readyState === WebSocket.OPEN
  for (const field of document.querySelectorAll('#room button, #say button')) field.disabled = !isOpen
  find('connect').querySelector('button').textContent = isOpen ? 'Disconnect' : 'Connect'
}

function send(message) {
  const isBinary = message instanceof Uint8Array
  const json = JSON.stringify(message)
  socket.send(isBinary ? message : json)
  show('→', isBinary ? `${message.length} bytes` : json)
}

function connect() {
  // `feed=0`: messages of clients only, without the event feed.
  const url = new URL(location.protocol.startsWith('http') ? './ws' : new URLSearchParams(location.search).get('url') ?? 'http://127.0.0.1:3000/ws', location.href)
  url.protocol = url.protocol.replace('http', 'ws')
  url.search = new URLSearchParams({ feed: '0', ...(find('client').value && { client_id: find('client').value }), ...(find('token').value && { token: find('token').value }) })
  find('state').textContent = 'Connecting…'
  const opened = new WebSocket(url)
  socket = opened
  opened.binaryType = 'arraybuffer'
  let hasOpened = false
  opened.onopen = () => {
    hasOpened = true
    find('state').textContent = 'Connected'
    enable()
  }
  opened.onmessage = ({ data }) => show('←', typeof data === 'string' ? data : `${data.byteLength} bytes: ${new TextDecoder().decode(data)}`)
  opened.onclose = ({ code, reason }) => {
    find('state').textContent = `Closed with ${code}${reason ? `: ${reason}` : ''}`
    enable()
    // Browsers hide why a socket did not open.
    if (!hasOpened) Livetape.explain(url.href, find('token').value).then((error) => error && opened === socket && (find('state').textContent = [error.message, error.hint].filter(Boolean).join(': ')))
  }
}

find('connect').onsubmit = (event) => {
  event.preventDefault()
  if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000)
  else connect()
}
find('room').onsubmit = (event) => {
  event.preventDefault()
  send({ type: event.submitter.value, room_id: find('name').value })
}
find('say').onsubmit = (event) => {
  event.preventDefault()
  const message = find('message').value
  const made = {
    room: { type: 'room_message', room_id: find('name').value, message },
    all: { type: 'message', message },
    ping: { type: 'ping', timestamp: Date.now() },
    binary: new TextEncoder().encode(message),
  }
  send(made[event.submitter.value])
}
enable()
