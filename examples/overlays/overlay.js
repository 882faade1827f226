// Shared by all overlays: options, the client, and safe display of text.

'use strict'

/** Maximum length of a text, in grapheme clusters. */
const TEXT_CHARACTERS_MAX = 200
const NAME_CHARACTERS_MAX = 40
/** Minimum interval between redraws, in ms: nobody reads faster, and a game and OBS need the CPU too. */
const DRAW_MS_MIN = 100
/** Redraws closer than this are a rush, in ms: animations would never finish. */
const RUSH_MS = 300
/** How long mistakes in options stay on screen, in ms: long enough to correct them, short enough to stay off the air. */
const MISTAKES_MS = 20_000
/** Allowed values of numeric options; the others only have to be positive. */
const RANGES = { size: [8, 200], max: [1, 100], seconds: [0, 3600], goal: [1, 1e12] }
const RANGE = [0, 1e12]
/** CSS properties of options that are styles. */
const STYLES = { colour: 'color', accent: 'color', rival: 'color', background: 'background-color', font: 'font-family' }
/** Values of options that only have a few. */
const CHOICES = { look: ['card', 'plain'], align: ['start', 'center', 'end'] }
/** Domains whose subdomains serve TikTok's pictures. A server of livetape allows the same ones (`PICTURE_DOMAINS` in crates/core/src/host.rs). */
const PICTURE_DOMAINS = ['tiktokcdn.com', 'tiktokcdn-us.com', 'tiktokcdn-eu.com', 'ibyteimg.com']
/** Control characters, bidirectional marks and invisible characters. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g

/** Fast path: characters that never combine with their neighbours. */
const SIMPLE = /^[ -~\u00a1-\u00ac\u00ae-\u02ff]*$/

const segmenter = new Intl.Segmenter()

/** Truncates a text without splitting a grapheme cluster. */
function shorten(text, charactersMax) {
  // Limits the work for a very long text before counting.
  const clean = String(text ?? '').slice(0, charactersMax * 32).replaceAll(UNSEEN, ' ').trim()
  if (clean.length <= charactersMax && SIMPLE.test(clean)) return clean
  const characters = []
  for (const { segment, index } of segmenter.segment(clean)) {
    if (characters.length === charactersMax) return `${clean.slice(0, index)}…`
    // A single cluster can have thousands of combining marks.
    characters.push(segment.slice(0, 32))
  }
  return characters.join('')
}

/** Creates an element with plain text. */
function element(tag, className, text) {
  const made = document.createElement(tag)
  made.className = className
  if (text !== undefined) Object.assign(made, { textContent: text, dir: 'auto' })
  return made
}

const nameOf = ({ user, sender }) => shorten(user?.nickname, NAME_CHARACTERS_MAX) || shorten(sender ?? user?.uniqueId, NAME_CHARACTERS_MAX) || 'someone'
const nameElement = (data) => element('span', 'name', nameOf(data))
const textElement = (text, charactersMax = TEXT_CHARACTERS_MAX) => element('span', 'text', shorten(text, charactersMax))

/** Batches redraws: calls `draw(isRush)` in the next frame, but at most every `DRAW_MS_MIN`. */
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

/** Numbers from here on are shortened, so that they fit. */
const LONG = 100_000
/** Formats a number: `12,345`, `1.2M`. */
const countOf = (number) => number.toLocaleString('en', Math.abs(number) < LONG ? {} : { notation: 'compact', maximumFractionDigits: 1 })

/** A number that depends on a text only. */
const hashOf = (text) => [...text].reduce((sum, letter) => Math.imul(sum ^ letter.codePointAt(0), 0x01000193) >>> 0, 0x811c9dc5)

/** Whether a picture may be loaded from this URL: a recording may name any address, also one of this machine. */
function isPicture(url) {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, port, href } = new URL(url)
  if (protocol !== 'https:') return href.startsWith('data:image/')
  return port === '' && PICTURE_DOMAINS.some((domain) => hostname.endsWith(`.${domain}`))
}

/** Maximum number of pictures to remember; the oldest are forgotten first. */
const PICTURES_MAX = 500
/** The pictures that were requested, and whether each has loaded: one that fails is not requested again. */
const pictures = new Map()
const imageOf = (url, className) => Object.assign(new Image(), { alt: '', className, referrerPolicy: 'no-referrer', src: url })

/** Returns the picture, or `instead`, which the picture replaces when it has loaded. */
function pictureElement(url, isWanted, instead) {
  if (!isWanted || !isPicture(url)) return instead
  const isLoaded = pictures.get(url)
  if (isLoaded) return imageOf(url, instead.getAttribute('class'))
  instead.dataset.picture = url
  if (isLoaded === undefined) load(url)
  return instead
}

/** Requests a picture once, and puts it wherever it is wanted by then. */
function load(url) {
  pictures.set(url, false)
  if (pictures.size > PICTURES_MAX) pictures.delete(pictures.keys().next().value)
  imageOf(url, '').onload = () => {
    pictures.set(url, true)
    for (const it of document.querySelectorAll('[data-picture]')) if (it.dataset.picture === url) it.replaceWith(imageOf(url, it.getAttribute('class')))
  }
}

/** Creates the user's picture, or a disc with the first letter of their name. */
function avatarElement(data, isWanted) {
  const disc = element('span', 'avatar')
  disc.dataset.letter = shorten(nameOf(data), 1).replace('…', '')
  disc.style.setProperty('--hue', hashOf(nameOf(data)) % 360)
  return pictureElement(data.user?.avatar, isWanted, disc)
}

/** Shows mistakes for a while, or for good if the page will never show anything else. */
function complain(texts, isForGood = false) {
  const box = element('div', 'mistakes')
  box.role = 'status'
  box.append(...texts.slice(0, 5).map((text) => element('p', '', shorten(text, TEXT_CHARACTERS_MAX))))
  document.body.append(box)
  if (!isForGood) setTimeout(() => box.remove(), MISTAKES_MS)
}

/** Describes the mistake in an option, if there is one. `choices` lists the values of options that only have a few. */
function mistakeOf(key, value, isNumber, choices) {
  const [min, max] = RANGES[key] ?? RANGE
  if (choices[key]) return choices[key].includes(value) ? undefined : `is not one of ${choices[key].join(', ')}`
  // The value could contain more than a colour.
  if (STYLES[key]) return CSS.supports(STYLES[key], value) ? undefined : 'is not valid in CSS'
  if (key === 'url') return URL.canParse(value) && /^wss?:$/.test(new URL(value).protocol) ? undefined : 'is not a ws:// or wss:// address'
  if (!isNumber || (value.trim() !== '' && Number(value) >= min && Number(value) <= max)) return undefined
  return `is not a number from ${min} to ${max.toLocaleString('en')}`
}

/** What the server writes into the page of a saved overlay: its kind and name, and its settings or why there are none. */
const saved = document.querySelector('meta[name=livetape-overlay]')
/** The server of this page; for a file from disk, the default address. */
const OWN_URL = location.protocol.startsWith('http') ? (saved ? new URL('..', document.baseURI).href : `${location.origin}/`).replace('http', 'ws') : 'ws://127.0.0.1:3000/'

/** Maximum length of the name in the dashboard's list of clients, in characters, and of a value in it. */
const [CLIENT_CHARACTERS_MAX, VALUE_CHARACTERS_MAX] = [64, 24]
/** Options that are not in this name: they say where the events come from. */
const UNNAMED = ['url', 'token', 'preview', 'title']
/** What the dashboard's list of clients calls this overlay. */
let clientName = document.title

/** Names a saved overlay by its name, and another one by its title, and by the options that differ from their defaults, its own first. */
function nameBy(options, defaults, own) {
  if (saved) return `${document.title}: ${saved.content.slice(saved.content.indexOf('/') + 1)}`
  const changed = Object.keys({ ...own, ...defaults }).filter((key) => !UNNAMED.includes(key) && options[key] !== defaults[key])
  const head = [parent === window ? document.title : `${document.title} (preview)`, shorten(options.title, VALUE_CHARACTERS_MAX)].filter(Boolean).join(': ')
  const values = changed.map((key) => `, ${key}=${shorten(options[key], VALUE_CHARACTERS_MAX)}`)
  // Only whole values.
  return values.reduce((name, value) => (name.length + value.length > CLIENT_CHARACTERS_MAX ? name : name + value), [...head].slice(0, CLIENT_CHARACTERS_MAX).join(''))
}

/** Reads the options again, with other settings of a saved overlay. */
let optionsWith
/** Reads the options: query parameters override the settings of a saved overlay, and these `defaults`. Mistaken values are ignored, and shown for a while. */
function optionsOf(defaults, ownChoices = {}) {
  const unset = { url: OWN_URL, token: '', types: '', user: '', look: 'card', size: 24, colour: '', accent: '', background: '', font: '', status: 0, preview: 0, ...defaults }
  const choices = { ...CHOICES, ...ownChoices }
  optionsWith = (settings) => readOptions([...new URLSearchParams(settings), ...new URLSearchParams(location.search)], unset, choices)
  const options = optionsWith(saved?.dataset.settings)
  clientName = nameBy(options, unset, defaults)
  if (saved) document.title = clientName
  return options
}

/** Reads options, and styles the page by them. */
function readOptions(pairs, unset, choices) {
  const options = { ...unset }
  const mistakes = []
  for (const [key, value] of pairs) {
    const isNumber = typeof options[key] === 'number'
    const mistake = value === '' ? undefined : Object.hasOwn(options, key) ? mistakeOf(key, value, isNumber, choices) : 'is not an option of this overlay'
    if (mistake) mistakes.push(`${shorten(key, NAME_CHARACTERS_MAX)}=${shorten(value, NAME_CHARACTERS_MAX)} ${mistake}`)
    else if (value !== '') options[key] = isNumber ? Number(value) : value
    // Another server's events must not appear instead.
    if (mistake && key === 'url') options.url = ''
  }
  if (mistakes.length > 0) complain(mistakes)
  const root = document.documentElement
  root.dataset.look = options.look
  root.style.setProperty('--size', `${options.size}px`)
  for (const key of [...Object.keys(STYLES), 'align']) root.style.setProperty(`--${key}`, options[key] ?? '')
  return options
}

/** Options that a page needs from its start: what it reads, and what it counts. */
const STARTS_OVER = ['url', 'token', 'types', 'user', 'status', 'preview', 'count']
/** Takes over the settings of a saved overlay. What is on screen stays, also if the overlay was deleted: it may be on air. */
function change(options, settings, onOptions) {
  if (typeof settings !== 'string' || settings === saved.dataset.settings) return
  // Until now, there were none.
  if (saved.dataset.problem) return location.reload()
  saved.dataset.settings = settings
  const next = optionsWith(settings)
  if (STARTS_OVER.some((key) => next[key] !== options[key])) return location.reload()
  Object.assign(options, next)
  onOptions?.()
}

/** Calls `show` for each event of `types`: of the feed, and of the page that has this one in a frame, which can test it. */
function connect(options, types, show, more = {}) {
  const problem = saved?.dataset.problem
  if (problem) {
    for (const it of document.querySelectorAll('main > :not(h1)')) it.hidden = true
    complain([problem, `set it up at ${document.baseURI}: this page then shows it`], true)
  }
  const wanted = options.types ? options.types.split(',') : types
  const take = (event) => !problem && wanted.includes(event.type) && (!options.user || event.username === options.user) && show(event)
  addEventListener('message', ({ source, origin, data }) => {
    if (parent === window || source !== parent || origin !== globalThis.origin) return
    if (data.startsOver) more.onStartOver?.()
    else if (data.event) take(data.event)
  })
  if (!options.preview && options.url) read(options, wanted, take, more)
}

/** The address of the feed, with what this overlay is called in the dashboard's list of clients. */
function addressOf({ url }) {
  const address = new URL(url)
  if (!address.searchParams.has('name')) address.searchParams.set('name', clientName)
  if (saved) address.searchParams.set('overlay', saved.content)
  return address.href
}

/** Reads the feed, and reconnects without limit. */
function read(options, types, take, { onOptions, ...more }) {
  document.addEventListener('securitypolicyviolation', function blocked({ effectiveDirective }) {
    if (effectiveDirective !== 'connect-src') return
    // Each attempt is blocked. Once is enough.
    document.removeEventListener('securitypolicyviolation', blocked)
    complain([`url=${options.url} is refused: this page can only show events of ${location.host}`, `copy a new link from ${new URL('.', document.baseURI).href}`])
  })
  const status = options.status ? document.body.appendChild(element('div', 'status', 'connecting …')) : undefined
  const say = (text) => status && (status.textContent = text)
  const client = Livetape.createWebSocketClient({
    url: addressOf(options),
    token: options.token || undefined,
    // A replay that starts over says so at once, before there is anything to count.
    types: more.onStartOver ? [...types, 'connection_created'] : types,
    maxReconnectAttempts: Infinity,
    jitter: true,
    ...more,
  })
  let [hasConnected, hasComplained] = [false, false]
  /** The last error since the last event: why the server closes the connection. */
  let last
  client.on('connected', () => {
    hasConnected = true
    say('')
  })
  client.on('reconnecting', ({ delayMs }) => say(`disconnected, retrying in ${Math.ceil(delayMs / 1000)} s`))
  client.on('disconnected', ({ final, code, meaning }) => {
    if (final) say(meaning)
    if (final && code !== 1000) complain([last?.message ?? meaning, last?.hint].filter(Boolean), last !== undefined)
  })
  client.on('error', (error) => {
    last = error
    say(error.title || error.message)
    const isOver = client.getStatus() === 'disconnected'
    // Advice about this page; for example, that a server refuses pages from disk. Once is enough.
    const isAdvice = error.code === 'connection_failed' && error.hint && !hasComplained
    if (!isOver && !isAdvice) return
    hasComplained = true
    const link = error.code === 'unauthorized' ? `copy a new link from ${options.url.replace(/^ws(s?:\/\/[^/]+).*$/, 'http$1')}/overlays/, where you can enter the token` : undefined
    complain([error.message, link ?? error.hint].filter(Boolean), isOver && (!hasConnected || link !== undefined))
  })
  client.on('message', ({ type, settings }) => saved && type === 'overlay' && change(options, settings, onOptions))
  /** The room of the counted events; none while all are tests. */
  let room
  let isTested = false
  client.on('event', (event) => {
    last = undefined
    if (event.type === 'connection_created') {
      // The show after tests, another room, or a LIVE after its recording starts at nothing; a room that is connected again goes on.
      const next = `${event.data.source} ${event.data.roomId}`
      if (room === undefined ? isTested : room !== next) more.onStartOver?.()
      room = next
    }
    isTested ||= event.injected === true
    take(event)
  })
  client.connect()
  // For the browser's console.
  globalThis.overlayClient = client
}
