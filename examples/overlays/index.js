// Sets up an overlay: a live preview, and the link for OBS.

'use strict'

const INTRODUCTION = find('told').textContent
const isFile = location.protocol === 'file:'
const socketOf = (path) => Object.assign(new URL(path, location.href), { protocol: location.protocol.replace('http', 'ws') }).href
const tell = (text) => (find('told').textContent = text)

// ── Link and preview ─────────────────────────────────────────────────────────────────────────────────────────────────

/** What the dashboard stores the token of this tab as. */
const TOKEN = 'livetape.token'
find('token').value = sessionStorage.getItem(TOKEN) ?? ''

/** The address of the overlay. */
function urlOf(feed, more = [], token = find('token').value) {
  const url = new URL(`${page}.html`, location.href)
  url.search = new URLSearchParams([...(feed ? [['url', feed]] : []), ...(token && feed ? [['token', token]] : []), ...changed(), ...more])
  return url.href
}

/** Height of the line that says that the connection is lost, for the default size of text, in pixels. */
const STATUS_PX = 30
let timer
/** The link that was copied. */
let copied
let isLoading = true
/** A test that waits for the preview. */
let waitingTest
function show() {
  const given = changed()
  history.replaceState(null, '', `${location.pathname}?${new URLSearchParams([...(page === 'alerts' ? [] : [['page', page]]), ...given])}`.replace(/\?$/, ''))
  const scale = Number(Object.fromEntries(given).size ?? 24) / 24
  const [width, height] = PAGES[page].box.map((size, side) => Math.ceil(((size + (side && STATUS_PX * Number(Object.fromEntries(given).status ?? 0))) * scale) / 10) * 10)
  find('width').textContent = width
  find('height').textContent = height
  fit(width, height)
  clearTimeout(timer)
  // A page from disk has no server of its own.
  if (isFile) return
  // A test now waits for the next preview, also if this one is still loading.
  isLoading = true
  find('preview').onload = undefined
  showLink()
  if (copied && copied !== link()) {
    copied = undefined
    tell(INTRODUCTION)
  }
  // Each keystroke would restart the preview.
  timer = setTimeout(() => {
    const source = find('source').value
    stop()
    const preview = find('preview').cloneNode()
    preview.src = source === 'show' ? urlOf('', [['preview', '1']]) : urlOf(socketOf(source ? `../ws/play/${encodeURIComponent(source)}?speed=10` : '../'))
    preview.onload = start
    find('preview').replaceWith(preview)
  }, 200)
}

const link = () => urlOf(socketOf('../'))
/** Shows the link without its token, which viewers of the stream might read. */
const showLink = () => (find('link').value = urlOf(socketOf('../'), [], find('token').value && '•••'))

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
  isLoading = false
  const isShow = find('source').value === 'show'
  find('pause').hidden = !isShow
  if (isShow) round()
  if (waitingTest) play(waitingTest, true)
  waitingTest = undefined
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
  tell(answer?.ok ? 'Sent.' : ((await answer?.json().catch(() => undefined))?.error?.message ?? 'The server does not answer.'))
}

function drawTests() {
  const options = Object.fromEntries(PAGES[page].fields.map((field) => [field[0], field[3] === SWITCH ? valueOf(field) === '1' : valueOf(field)]))
  const kinds = PAGES[page].tests(options)
  const label = find('source').value === '' ? 'Test, sent to every client of this server, also to OBS: ' : 'Test: '
  find('tests').replaceChildren(label, ...kinds.map((kind) => make('button', { type: 'button', onclick: () => test(TESTS[kind][1]) }, TESTS[kind][0])))
}

// ── The page ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The values of the other overlays' own fields. */
const kept = {}
find('pages').append(...Object.entries(PAGES).map(([name, { label }]) => {
  const choice = make('input', { type: 'radio', name: 'page', value: name, checked: name === page, onchange: () => {
    // `max` and `seconds` mean something else in another overlay; looks stay.
    kept[page] = PAGES[page].fields.map(([name]) => [name, values.get(name)])
    for (const [name] of kept[page]) values.delete(name)
    page = name
    for (const [name, value] of kept[page] ?? []) if (value !== undefined) values.set(name, value)
    draw()
    show()
  } })
  return make('label', {}, choice, label)
}))
find('source').onchange = () => {
  drawTests()
  show()
}
find('form').onsubmit = (event) => event.preventDefault()
find('copy').onclick = async () => {
  copied = link()
  const isCopied = await navigator.clipboard?.writeText(copied).then(() => true, () => false)
  if (!isCopied) find('link').value = copied
  find('link').select()
  const secret = find('token').value ? 'The link contains the token: keep it secret. ' : ''
  tell(secret + (isCopied ? `Copied. ${INTRODUCTION}` : 'The browser refused: copy the selected link by hand.'))
}
const ask = (path, init = {}) => fetch(path, { ...init, headers: find('token').value ? { authorization: `Bearer ${find('token').value}` } : {} })

/** Why the recordings could not be listed. */
let failure
/** Lists the recordings. */
async function list() {
  const token = find('token').value
  const answer = await ask('../recordings')
  // In the meantime, somebody typed on.
  if (find('token').value !== token) return
  const isRefused = answer.status === 401
  if (isRefused) find('locked').hidden = false
  find('token').ariaInvalid = String(isRefused && token !== '')
  find('refused').textContent = isRefused ? (token ? 'The server rejected this token. Enter the one that it was started with.' : 'This server requires a token.') : ''
  if (isRefused) return
  if (token) sessionStorage.setItem(TOKEN, token)
  if (!answer.ok) return tell((failure = (await answer.json()).error?.message ?? `The server answered with status ${answer.status}.`))
  // What was told since, such as that the link was copied, stays.
  if (find('told').textContent === failure) tell(INTRODUCTION)
  const { recordings } = await answer.json()
  const [listed, chosen] = [find('source').options, find('source').value]
  listed.length = 2
  for (const { name } of recordings.filter(({ problem }) => !problem)) listed.add(new Option(`the recording ${name}`, name))
  find('source').value = chosen
}

/** How often the page looks whether the server is there, in ms. */
const LOOK_MS = 3000
const update = () => list().then(() => isGone(false), () => isGone(true))
function isGone(is) {
  const wasGone = !find('gone').hidden
  find('gone').hidden = !is
  find('copy').disabled = is
  // The preview of a feed has lost its connection.
  if (wasGone && !is) show()
}
/** Looks whether the server is there. When it is back, its recordings may be others. */
async function look() {
  const isThere = await fetch('../health').then(() => true, () => false)
  if (isThere && !find('gone').hidden) await update()
  else isGone(!isThere)
  setTimeout(look, LOOK_MS)
}
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
else {
  update()
  setTimeout(look, LOOK_MS)
}
