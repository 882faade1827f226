// Rooms, broadcast and echo by hand: connects and joins the room by itself.

'use strict'

/** Maximum number of messages shown; the oldest are removed first. */
const SHOWN_MAX = 500
/** Maximum number of characters shown of a message. */
const CHARACTERS_MAX = 4000
/** Time between two attempts to connect, in ms. */
const RETRY_MS = 3000
/** What the dashboard stores the token of this tab as. */
const TOKEN = 'livetape.token'
/** Characters of a token that a subprotocol may have: it then need not be in the address. */
const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Control characters but tabs and line breaks, bidirectional marks and invisible characters. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
const find = (id) => document.getElementById(id)
let socket
/** Whether the server accepted the room. */
let isInRoom = false
let timer

/** What anybody sent, as text. */
const said = (value = '') => (typeof value === 'string' ? value : JSON.stringify(value))
/** Truncates a text, and makes characters visible that nobody sees, or that reverse others. */
const visible = (text) => text.slice(0, CHARACTERS_MAX).replaceAll(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

function tell(text, isWrong = false) {
  find('state').textContent = visible(text)
  find('state').classList.toggle('wrong', isWrong)
}

/** What a message of the server says, in words. */
const WORDS = {
  welcome: ({ client_id }) => `Connected as ${client_id}`,
  room_joined: ({ room_id }) => `Joined the room ${room_id}`,
  room_left: ({ room_id }) => `Left the room ${room_id}`,
  room_message: ({ from, room_id, message }) => `${from} to ${room_id}: ${said(message)}`,
  broadcast: ({ from, message }) => `${from} to everyone: ${said(message?.message ?? message)}`,
  error: ({ message }) => message,
  room_join_error: ({ message }) => message,
}

function show(sign, text, words = '', isWrong = false) {
  const line = document.createElement('li')
  // Only text, never markup: other clients write the messages.
  for (const [tag, content] of [['time', new Date().toTimeString().slice(0, 8)], ['span', sign], ['bdi', visible(words)], ['code', visible(text)]]) {
    if (content) line.appendChild(document.createElement(tag)).textContent = content
  }
  line.classList.toggle('error', isWrong)
  find('log').append(line)
  while (find('log').childElementCount > SHOWN_MAX) find('log').firstElementChild.remove()
  find('log').scrollTop = find('log').scrollHeight
}

function enable() {
  const isOpen = socket?.readyState === WebSocket.OPEN
  for (const button of document.querySelectorAll('button[form=say], #say button')) button.disabled = !isOpen || (!isInRoom && ['room', 'binary'].includes(button.value))
  find('leave').disabled = !isOpen || !isInRoom
}

function send(message) {
  const isBinary = message instanceof Uint8Array
  const json = JSON.stringify(message)
  socket.send(isBinary ? message : json)
  show('→', isBinary ? `${message.length} bytes` : json)
}

/** Says what a message of the server means for this page. */
function take({ type, message, hint, room_id }) {
  if (type === 'welcome') sessionStorage.setItem(TOKEN, find('token').value)
  if (type === 'welcome') send({ type: 'join_room', room_id: find('name').value })
  if (type === 'room_joined') tell(`Connected, in the room ${room_id}`)
  if (type === 'room_left') tell('Connected, in no room')
  if (type === 'error' || type === 'room_join_error') tell([message, hint].filter(Boolean).join('; '), true)
  if (['room_joined', 'room_left', 'room_join_error'].includes(type)) isInRoom = type === 'room_joined'
  enable()
}

function connect() {
  clearTimeout(timer)
  // `feed=0`: messages of clients only, without the event feed.
  const url = new URL(location.protocol.startsWith('http') ? './ws' : new URLSearchParams(location.search).get('url') ?? 'http://127.0.0.1:3000/ws', location.href)
  const [token, client] = [find('token').value, find('client').value.trim()]
  url.protocol = url.protocol.replace('http', 'ws')
  url.search = new URLSearchParams({ feed: '0', ...(client && { client_id: client }), ...(token && !PROTOCOL.test(token) && { token }) })
  const opened = new WebSocket(url, PROTOCOL.test(token) ? ['livetape', `bearer.${token}`] : [])
  socket?.close(1000)
  socket = opened
  isInRoom = false
  enable()
  opened.binaryType = 'arraybuffer'
  let [hasOpened, isRefused] = [false, false]
  opened.onopen = () => (hasOpened = true)
  opened.onmessage = ({ data }) => {
    if (opened !== socket) return
    if (typeof data !== 'string') return show('←', `${data.byteLength} bytes: ${new TextDecoder().decode(data)}`)
    const message = JSON.parse(data)
    isRefused ||= message.type === 'error'
    show('←', data, WORDS[message.type]?.(message), ['error', 'room_join_error'].includes(message.type))
    take(message)
  }
  opened.onclose = async () => {
    if (opened !== socket) return
    isInRoom = false
    enable()
    // The message before says what to change.
    if (isRefused) return
    // Browsers hide why a socket did not open.
    const error = hasOpened ? undefined : await Livetape.explain(url.href, token)
    if (opened !== socket) return
    if (error?.code === 'unauthorized') {
      find('locked').hidden = false
      return tell(token ? 'The server rejected this token: enter the one that it was started with.' : 'This server requires a token: enter it here.', true)
    }
    // A page from disk is not one that the server lets in.
    if (error && (error.code !== 'connection_failed' || location.protocol === 'file:')) return tell([error.message, error.hint].filter(Boolean).join('; '), true)
    tell('The server does not answer. Is livetape still running? This page keeps trying.', true)
    timer = setTimeout(connect, RETRY_MS)
  }
}

find('who').onsubmit = (event) => {
  event.preventDefault()
  connect()
}
find('leave').onclick = () => send({ type: 'leave_room', room_id: find('name').value })
find('say').onsubmit = (event) => {
  event.preventDefault()
  const message = find('message').value
  const made = {
    room: { type: 'room_message', room_id: find('name').value, message },
    all: { type: 'message', message },
    ping: { type: 'ping', timestamp: Date.now() },
    binary: new TextEncoder().encode(message),
  }
  send(made[event.submitter?.value ?? 'room'])
}
find('token').value = sessionStorage.getItem(TOKEN) ?? ''
connect()
