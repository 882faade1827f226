// What all overlays share: options, the client, and texts that stay texts.

'use strict'

/** What of a text is shown, in characters as people see them. */
const TEXT_CHARACTERS_MAX = 200
const NAME_CHARACTERS_MAX = 40
/** A page changes at most so often, in ms: nobody reads faster, and a game and OBS need the processor too. */
const DRAW_MS_MIN = 100
/** Changes that follow so closely are a rush, in ms: what moves then is never seen to arrive. */
const RUSH_MS = 300
/** Pages are asked for pictures of these addresses alone. */
const PICTURE = /^https?:\/\//
/** Marks that turn texts around (or hide them), and controls: they have no place in one line. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g

/** Characters that never join their neighbours: most texts have no others. */
const SIMPLE = /^[ -~\u00a1-\u00ac\u00ae-\u02ff]*$/

const segmenter = new Intl.Segmenter()

/** The first so many characters, never half of one. */
function shorten(text, charactersMax) {
  // More code units than that are cut before they are counted: a text may be long.
  const clean = String(text ?? '').slice(0, charactersMax * 32).replaceAll(UNSEEN, ' ').trim()
  if (clean.length <= charactersMax && SIMPLE.test(clean)) return clean
  const characters = []
  for (const { segment, index } of segmenter.segment(clean)) {
    if (characters.length === charactersMax) return `${clean.slice(0, index)}…`
    // One character can be a base with a thousand marks on it.
    characters.push(segment.slice(0, 32))
  }
  return characters.join('')
}

/** An element with a text, which is never markup. */
function element(tag, className, text) {
  const made = document.createElement(tag)
  made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

const nameOf = ({ user, sender }) => shorten(user?.nickname, NAME_CHARACTERS_MAX) || shorten(sender, NAME_CHARACTERS_MAX) || 'somebody'
const nameElement = (data) => element('span', 'name', nameOf(data))
const textElement = (text, charactersMax = TEXT_CHARACTERS_MAX) => element('span', 'text', shorten(text, charactersMax))

/** Calls `draw` once for all that came: in the next frame, or in a rush a little later. It is told whether this is one. */
function drawing(draw) {
  let isDue = false
  let drawnAt = -Infinity
  const now = () => {
    isDue = false
    const at = performance.now()
    const isRush = at - drawnAt < RUSH_MS
    drawnAt = at
    draw(isRush)
  }
  const soon = () => requestAnimationFrame(now)
  return () => {
    if (isDue) return
    isDue = true
    const wait = drawnAt + DRAW_MS_MIN - performance.now()
    if (wait > 0) setTimeout(soon, wait)
    else soon()
  }
}

/** The person's picture, if pictures are wanted; a picture that does not come is no hole. */
function avatarElement({ user }, isWanted) {
  if (!isWanted || !PICTURE.test(user?.avatar ?? '')) return []
  const picture = element('img', 'avatar')
  Object.assign(picture, { alt: '', referrerPolicy: 'no-referrer', src: user.avatar, onerror: () => picture.remove() })
  return [picture]
}

/** The options: the query decides over what the page says; numbers stay numbers. */
function optionsOf(defaults) {
  const options = { url: 'ws://127.0.0.1:3000/', token: '', types: '', user: '', size: 24, status: 0, align: 'start', ...defaults }
  for (const [key, value] of new URLSearchParams(location.search)) {
    if (typeof options[key] !== 'number') options[key] = value
    else if (value !== '' && Number.isFinite(Number(value))) options[key] = Math.max(0, Number(value))
  }
  const style = document.documentElement.style
  style.setProperty('--size', `${options.size}px`)
  for (const [key, name] of [['colour', 'color'], ['accent', 'color'], ['background', 'background-color'], ['font', 'font-family']]) {
    // What is no colour is left out: it could be more than a value.
    if (options[key] && CSS.supports(name, options[key])) style.setProperty(`--${key}`, options[key])
  }
  if (['start', 'center', 'end'].includes(options.align)) style.setProperty('--align', options.align)
  return options
}

/** Connects, and comes back for ever. `show` gets what it asks for; a bad event costs only itself. */
function connect(options, types, show, more = {}) {
  const status = options.status ? document.body.appendChild(element('div', 'status', 'connecting …')) : undefined
  const say = (text) => status && (status.textContent = text)
  const client = Livetape.createWebSocketClient({
    url: options.url,
    token: options.token || undefined,
    types: options.types ? options.types.split(',') : types,
    maxReconnectAttempts: Infinity,
    jitter: true,
    ...more,
  })
  client.on('connected', () => say(''))
  client.on('reconnecting', ({ delayMs }) => say(`no connection, next try in ${Math.ceil(delayMs / 1000)} s`))
  client.on('disconnected', ({ final, meaning }) => final && say(meaning))
  client.on('error', (error) => say(error.title || error.message))
  client.on('event', (event) => {
    if (!options.user || event.username === options.user) show(event)
  })
  client.connect()
  // For the console of whoever builds on this.
  globalThis.overlayClient = client
}
