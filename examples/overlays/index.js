// Sets up an overlay: options, a live preview, and the link for OBS.

'use strict'

const SWITCH = 'checkbox'
const PICTURES = ['pictures', 'Pictures (from TikTok)', '0', SWITCH]
const SECONDS = ['seconds', 'Seconds on screen', '5', 'number']
const COMMON = [['look', 'Look', 'card', CHOICES.look], ['size', 'Text size (pixels)', '24', 'number'], ['font', 'Font', '', 'text']]
const ALIGN = ['align', 'Alignment', 'start', CHOICES.align]
const COLOURS = { colour: ['colour', 'Text colour', '#ffffff', 'color'], accent: ['accent', 'Accent colour', '#ff4d6d', 'color'], rival: ['rival', 'Colour of the rival', '#25d4e8', 'color'], background: ['background', 'Background colour', '#12141bd9', 'color'] }
const STATUS = ['status', 'Show when the connection is lost', '0', SWITCH]
/** What a goal can count, and what tests it. */
const COUNTS = { diamonds: ['gift', 'streak'], gifts: ['gift', 'streak'], likes: ['like'], follows: ['follow'], shares: ['share'], subscribes: ['subscribe'] }
/**
 * The overlays: name, width and height in OBS, what tests it, and its options: name, label, default, and either choices or an input type.
 * Sizes are those for the default size of text.
 */
const PAGES = {
  alerts: ['Alerts', 520, 320, ({ follows, subscribes, shares }) => ['gift', 'streak', ...(follows ? ['follow'] : []), ...(subscribes ? ['subscribe'] : []), ...(shares ? ['share'] : [])], [SECONDS, ['max', 'Alerts at once', '1', 'number'], ['min', 'Minimum value of gifts (diamonds)', '0', 'number'], ['follows', 'Follows', '1', SWITCH], ['subscribes', 'Subscriptions', '1', SWITCH], ['shares', 'Shares', '0', SWITCH], ['sound', 'Sound', '1', SWITCH], PICTURES, [...ALIGN].with(2, 'center')]],
  chat: ['Chat', 420, 520, () => ['chat'], [['max', 'Messages on screen', '12', 'number'], [...SECONDS].with(1, 'Seconds on screen (0: no limit)').with(2, '0'), PICTURES, ALIGN]],
  goal: ['Goal', 560, 110, ({ count }) => COUNTS[count], [['count', 'Count', 'diamonds', Object.keys(COUNTS)], ['goal', 'Goal', '1000', 'number'], ['start', 'Initial value', '0', 'number'], ['title', 'Title', '', 'text']]],
  leaderboard: ['Leaderboard', 420, 300, () => ['gift', 'streak'], [['title', 'Title', 'Top gifters', 'text'], ['max', 'Viewers on screen', '5', 'number'], PICTURES]],
  battle: ['Battle', 640, 170, () => ['battle', 'points', 'over'], [[...SECONDS].with(1, 'Seconds on screen after the end').with(2, '15'), PICTURES]],
  viewers: ['Viewers', 400, 80, () => ['viewers'], [['total', 'Also show the total', '0', SWITCH], ALIGN]],
}
const find = (id) => document.getElementById(id)
const INTRODUCTION = find('told').textContent
const isFile = location.protocol === 'file:'
const socketOf = (path) => Object.assign(new URL(path, location.href), { protocol: location.protocol.replace('http', 'ws') }).href
const make = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}
const tell = (text) => (find('told').textContent = text)

// ── Fields ───────────────────────────────────────────────────────────────────────────────────────────────────────────

let page = 'alerts'
/** The values of fields, as text; mistaken ones stay here too. */
const values = new Map(new URLSearchParams(location.search))
if (Object.hasOwn(PAGES, values.get('page') ?? '')) page = values.get('page')

/** Fields of the overlay: only those that change something. */
function fieldsOf() {
  const isCard = (values.get('look') ?? 'card') === 'card'
  const colours = ['colour', ...(page === 'viewers' ? [] : ['accent']), ...(page === 'battle' ? ['rival'] : []), ...(isCard ? ['background'] : [])]
  return [...PAGES[page][4], ...COMMON, ...colours.map((name) => COLOURS[name]), STATUS]
}

const valueOf = ([name, , unset]) => values.get(name) ?? unset
/** A font whose name is not an identifier needs quotes. */
const cleanOf = ([name], value) => (name === 'font' && !CSS.supports('font-family', value) ? JSON.stringify(value) : value)
const mistakeIn = ([name, , unset, kind], value) => (value === unset ? undefined : value === '' ? 'is empty' : mistakeOf(name, cleanOf([name], value), kind === 'number' || kind === SWITCH, Array.isArray(kind) ? { [name]: kind } : {}))
/** Options that differ from their defaults, without mistaken ones. */
const changed = () => fieldsOf().filter((field) => valueOf(field) !== field[2] && !mistakeIn(field, valueOf(field))).map((field) => [field[0], cleanOf(field, valueOf(field))])

const canvas = document.createElement('canvas').getContext('2d')
/** The parts of a CSS colour: `#rrggbb`, and the opacity in per cent. */
function partsOf(css) {
  canvas.fillStyle = css
  const [, rgb, alpha] = /^(#......)$|^rgba\(.*, ([\d.]+)\)$/.exec(canvas.fillStyle)
  if (rgb) return [rgb, 100]
  const numbers = canvas.fillStyle.match(/[\d.]+/g).slice(0, 3)
  return [`#${numbers.map((number) => Number(number).toString(16).padStart(2, '0')).join('')}`, Math.round(Number(alpha) * 100)]
}
const colourOf = (rgb, percent) => rgb + (percent === 100 ? '' : Math.round((percent * 255) / 100).toString(16).padStart(2, '0'))

/** Whether a font is installed: a text has another width than without it. */
function hasFont(font) {
  const widthIn = (fonts) => {
    canvas.font = `72px ${fonts}`
    return canvas.measureText('mmMWli10@ÄЖ').width
  }
  return ['monospace', 'serif'].some((other) => widthIn(`${font}, ${other}`) !== widthIn(other))
}

function noteOf(field, input) {
  const value = valueOf(field)
  const mistake = input.validity?.badInput ? mistakeOf(field[0], '', true, {}) : mistakeIn(field, value)
  if (mistake) return ['wrong', mistake]
  return field[0] === 'font' && value && !hasFont(cleanOf(field, value)) ? ['doubt', 'not installed here'] : ['', '']
}

/** Creates the row of a field. */
function rowOf(field) {
  const [name, label, , kind] = field
  const value = valueOf(field)
  const note = make('small', { id: `note-${name}` })
  let input
  const take = (next) => {
    values.set(name, next)
    judge()
    // A look has colours of its own, and a goal its tests.
    if (Array.isArray(kind)) draw()
    show()
  }
  const judge = () => {
    const [className, text] = noteOf(field, input)
    Object.assign(note, { className, textContent: text })
    input.ariaInvalid = String(className === 'wrong')
  }
  if (Array.isArray(kind)) {
    input = make('select', {}, ...kind.map((choice) => new Option(choice, choice)))
    Object.assign(input, { value: kind.includes(value) ? value : field[2], onchange: () => take(input.value) })
  } else if (kind === 'color') {
    input = make('input', { type: 'color' })
    const opacity = make('input', { type: 'range', min: 0, max: 100, ariaLabel: `${label}: opacity` })
    ;[input.value, opacity.value] = partsOf(CSS.supports('color', value) ? value : field[2])
    input.oninput = opacity.oninput = () => take(colourOf(input.value, Number(opacity.value)))
    const made = make('div', { className: 'row colour' }, make('label', { htmlFor: name }, label), input, opacity, note)
    Object.assign(input, { name, id: name })
    judge()
    return made
  } else if (kind === SWITCH) {
    input = make('input', { type: kind, checked: value === '1', onchange: () => (take(input.checked ? '1' : '0'), drawTests()) })
  } else {
    const [min, max] = RANGES[name] ?? RANGE
    input = make('input', { type: kind, value, placeholder: field[2] || 'default', oninput: () => take(input.value), ...(kind === 'number' && { min, max, step: 'any' }) })
  }
  Object.assign(input, { name, id: name })
  input.setAttribute('aria-describedby', note.id)
  judge()
  return make('div', { className: `row ${kind}` }, make('label', { htmlFor: name }, label), input, note)
}

function draw() {
  const focused = document.activeElement?.id
  find('fields').replaceChildren(...fieldsOf().map(rowOf))
  if (focused) find(focused)?.focus()
  drawTests()
}

// ── Link and preview ─────────────────────────────────────────────────────────────────────────────────────────────────

/** The address of the overlay. */
function urlOf(feed, more = []) {
  const url = new URL(`${page}.html`, location.href)
  const token = find('token').value
  url.search = new URLSearchParams([...(feed ? [['url', feed]] : []), ...(token && feed ? [['token', token]] : []), ...changed(), ...more])
  return url.href
}

let timer
let isLoading = true
/** A test that waits for the preview. */
let waitingTest
function show() {
  const given = changed()
  history.replaceState(null, '', `${location.pathname}?${new URLSearchParams([...(page === 'alerts' ? [] : [['page', page]]), ...given])}`.replace(/\?$/, ''))
  const scale = Number(Object.fromEntries(given).size ?? 24) / 24
  const [width, height] = PAGES[page].slice(1, 3).map((size) => Math.ceil((size * scale) / 10) * 10)
  Object.assign(find('width'), { textContent: width })
  Object.assign(find('height'), { textContent: height })
  fit(width, height)
  clearTimeout(timer)
  // A page from disk has no server of its own.
  if (isFile) return
  isLoading = true
  find('link').value = urlOf(socketOf('../'))
  // Each keystroke would restart the preview.
  timer = setTimeout(() => {
    const source = find('source').value
    stop()
    find('preview').src = source === 'show' ? urlOf('', [['preview', '1']]) : urlOf(socketOf(source ? `../ws/play/${encodeURIComponent(source)}?speed=10` : '../'))
  }, 300)
}

/** Shows the preview as OBS would, smaller if it has to be. */
function fit(width, height) {
  const stage = find('stage')
  const scale = Math.min(1, stage.clientWidth / width, 440 / height)
  stage.style.height = `${Math.max(160, height * scale + 32)}px`
  Object.assign(find('preview').style, { width: `${width}px`, height: `${height}px`, transform: `translate(-50%, -50%) scale(${scale})` })
}
new ResizeObserver(() => fit(Number(find('width').textContent), Number(find('height').textContent))).observe(find('shows'))

// ── The show ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const due = new Set()
/** Calls a function later, unless the show stops before. */
function later(ms, act) {
  const one = setTimeout(() => {
    due.delete(one)
    act()
  }, ms)
  due.add(one)
}
const stop = () => {
  due.forEach(clearTimeout)
  due.clear()
}
const post = (message) => find('preview').contentWindow.postMessage(message, location.origin)
const play = (request, isTest = false) => eventsOf(request).forEach(([after, event]) => (after > 0 ? later(after, () => post({ event: { ...event, isTest } })) : post({ event: { ...event, isTest } })))

let isPaused = false

/** Plays a round, then the next one; while paused, only its beginning. */
function round() {
  stop()
  post({ startsOver: true })
  for (const [second, kind, more] of SHOW) {
    const act = () => play({ ...TESTS[kind][1], ...more })
    if (second === 0) act()
    else if (!isPaused) later(second * 1000, act)
  }
  if (!isPaused) later(ROUND_MS, round)
}

function start() {
  const isShow = find('source').value === 'show'
  find('pause').hidden = !isShow
  if (isShow) round()
  if (waitingTest) play(waitingTest, true)
  waitingTest = undefined
}

find('preview').onload = () => {
  // The empty page that comes first.
  if (!find('preview').src) return
  isLoading = false
  start()
}
find('pause').onclick = () => {
  isPaused = !isPaused
  find('pause').textContent = isPaused ? 'Play' : 'Pause'
  stop()
  if (!isPaused) round()
}

/** Shows a request in the preview, and if that shows the current feed, to all clients of the server. */
async function test(request) {
  if (find('source').value !== '') return isLoading ? (waitingTest = request) : play(request, true)
  const answer = await ask('../inject', { method: 'POST', body: JSON.stringify(request) }).catch(() => undefined)
  tell(answer?.ok ? 'Sent to every client of this server, also to OBS.' : ((await answer?.json().catch(() => undefined))?.error?.message ?? 'The server does not answer.'))
}

function drawTests() {
  const options = Object.fromEntries(PAGES[page][4].map((field) => [field[0], field[3] === SWITCH ? valueOf(field) === '1' : valueOf(field)]))
  const kinds = PAGES[page][3](options) ?? []
  find('tests').replaceChildren('Test: ', ...kinds.map((kind) => make('button', { type: 'button', onclick: () => test(TESTS[kind][1]) }, TESTS[kind][0])))
}

// ── The page ─────────────────────────────────────────────────────────────────────────────────────────────────────────

find('pages').append(...Object.entries(PAGES).map(([name, [label]]) => {
  const choice = make('input', { type: 'radio', name: 'page', value: name, checked: name === page, onchange: () => {
    // `max` and `seconds` mean something else in another overlay; looks stay.
    for (const [name] of PAGES[page][4]) values.delete(name)
    page = name
    draw()
    show()
  } })
  return make('label', {}, choice, label)
}))
find('source').onchange = show
find('form').onsubmit = (event) => event.preventDefault()
find('copy').onclick = async () => {
  find('link').select()
  const isCopied = await navigator.clipboard?.writeText(find('link').value).then(() => true, () => false)
  const secret = find('token').value ? 'The link contains the token: keep it secret. ' : ''
  tell(secret + (isCopied ? `Copied. ${INTRODUCTION}` : 'The browser refused: copy the selected link by hand.'))
}
const ask = (path, init = {}) => fetch(path, { ...init, headers: find('token').value ? { authorization: `Bearer ${find('token').value}` } : {} })

/** Lists the recordings. */
async function list() {
  const token = find('token').value
  const answer = await ask('../recordings')
  // In the meantime, somebody typed on.
  if (find('token').value !== token) return
  if (answer.status === 401) {
    find('locked').hidden = false
    return tell(token ? 'The server rejected this token. Enter the one that it was started with.' : 'This server requires a token. Enter it above the preview.')
  }
  if (!answer.ok) return tell((await answer.json()).error?.message ?? `The server answered with status ${answer.status}.`)
  tell(INTRODUCTION)
  const { recordings } = await answer.json()
  const [listed, chosen] = [find('source').options, find('source').value]
  listed.length = 2
  for (const { name } of recordings.filter(({ problem }) => !problem)) listed.add(new Option(`the recording ${name}`, name))
  find('source').value = chosen
}

const update = () => list().catch(() => tell('The server does not answer. Start livetape again, then reload this page.'))
let asking
find('token').oninput = () => {
  show()
  clearTimeout(asking)
  // The server need not judge each letter.
  asking = setTimeout(update, 300)
}
draw()
show()
if (isFile) tell('Opened from disk, this page cannot reach a server. Start `livetape serve`, then open http://127.0.0.1:3000/overlays/ instead.')
else update()
