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

/** The token, also as it stands in a file of tokens. */
const tokenOf = () => find('token').value.trim().replace(/^read:/, '')

/** The feed of a pasted link, if it is not the usual one. */
let feed
const feedOf = () => feed ?? socketOf('../')

/** The address of the overlay, with its settings. */
function urlOf(feed, more = [], token = tokenOf()) {
  const url = new URL(`${page}.html`, location.href)
  url.search = new URLSearchParams([...(feed ? [['url', feed]] : []), ...(token && feed ? [['token', token]] : []), ...changed(), ...more])
  return url.href
}

let timer
/** The link that was copied. */
let copied
let isLoading = true
/** A test that waits for the preview. */
let waitingTest
function show() {
  const given = changed()
  const here = [...(page === 'alerts' ? [] : [['page', page]]), ...(opened ? [['overlay', opened.name]] : []), ...(opened && !isChanged() ? [] : given)]
  history.replaceState(null, '', `${location.pathname}?${new URLSearchParams(here)}`.replace(/\?$/, ''))
  drawSaved()
  const [width, height] = boxOf(Object.fromEntries(given))
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
  if (copied !== link()) {
    copied = undefined
    // Why there is no link yet stays.
    if (find('told').textContent !== failure) tell(INTRODUCTION)
  }
  // Each keystroke would restart the preview.
  timer = setTimeout(() => {
    const source = find('source').value
    stop()
    const preview = find('preview').cloneNode()
    preview.src = source === 'show' ? urlOf('', [['preview', '1']]) : urlOf(source ? socketOf(`../ws/play/${encodeURIComponent(source)}?speed=10`) : feedOf())
    preview.onload = start
    find('preview').replaceWith(preview)
  }, 200)
}

/** The link for OBS: of a saved overlay by its name, which stays, or else with all settings. */
function link(token = tokenOf()) {
  if (!opened) return urlOf(feedOf(), [], token)
  const url = new URL(`${page}/${encodeURIComponent(opened.name)}`, location.href)
  url.search = new URLSearchParams([...(feed ? [['url', feed]] : []), ...(token ? [['token', token]] : [])])
  return url.href
}
/** Shows the link without its token, which viewers of the stream might read. */
const showLink = () => (find('link').value = link(tokenOf() && '•••').replace('token=%E2%80%A2%E2%80%A2%E2%80%A2', 'token=•••'))

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

/** Why the current feed cannot be tested; empty if it can. */
function whyNot({ mode, readOnly }) {
  if (mode === undefined) return 'To test the current feed, enter the token of this server.'
  if (readOnly) return 'This token can only read. To test the current feed, enter another token above.'
  return mode === 'live' ? 'A live room cannot be tested. Before the show, play a recording or the demo on this server, and test with that.' : ''
}
let untestable = ''

function drawTests() {
  const options = Object.fromEntries(PAGES[page].fields.map((field) => [field[0], field[3] === SWITCH ? valueOf(field) === '1' : valueOf(field)]))
  const kinds = PAGES[page].tests(options)
  const [label, disabled] = find('source').value !== '' ? ['Test, in this preview only: ', false] : [untestable || 'Test, sent to every client of this server, also to OBS: ', untestable !== '']
  find('tests').replaceChildren(label, ...kinds.map((kind) => make('button', { type: 'button', disabled, onclick: () => test(TESTS[kind][1]) }, TESTS[kind][0])))
}

// ── The page ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The values of the other overlays' fields. */
const kept = {}
/** Shows another overlay, with these values of its fields. */
function turnTo(next, pairs) {
  page = next
  find('pages').querySelector(`[value=${next}]`).checked = true
  values.clear()
  for (const [name, value] of pairs) values.set(name, value)
  draw()
}
find('pages').append(...Object.entries(PAGES).map(([name, { label }]) => {
  const choice = make('input', { type: 'radio', name: 'page', value: name, checked: name === page, onchange: () => {
    // Each overlay has values of its own.
    kept[page] = [...values]
    if (opened) find('name').value = ''
    opened = feed = undefined
    isFromObs = false
    turnTo(name, kept[name] ?? [])
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
  const isCopied = await copyText(copied)
  find('link').select()
  tell(isCopied ? secret() + `Copied. ${INTRODUCTION}` : 'The browser refused: copy the selected link by hand.')
}
/** What to know about a link that was copied. */
const secret = () => (tokenOf() ? 'The link contains the token: keep it secret. ' : '')
// Copied by hand, too, the link has the token instead of dots.
find('link').oncopy = (event) => {
  event.preventDefault()
  copied = link()
  event.clipboardData.setData('text/plain', copied)
  if (!isRefused) tell(secret() + `Copied. ${INTRODUCTION}`)
}
const ask = (path, init = {}) => fetch(path, { ...init, headers: tokenOf() ? { authorization: `Bearer ${tokenOf()}` } : {} })

/** Why the recordings could not be listed. */
let failure
/** Whether the server requires another token. */
let isRefused = false
/** Lists the recordings. */
async function list() {
  const token = tokenOf()
  const answer = await ask('../recordings')
  // In the meantime, somebody typed on.
  if (tokenOf() !== token) return
  isRefused = answer.status === 401
  if (isRefused || token !== '') find('locked').hidden = false
  find('token').ariaInvalid = String(isRefused && token !== '')
  find('refused').textContent = isRefused ? (token ? 'The server rejected this token. Enter the one that it was started with.' : 'This server requires a token.') : ''
  if (isRefused) return tell((failure = 'The link cannot work yet: enter the token of this server above.'))
  if (token) sessionStorage.setItem(TOKEN, token)
  if (!answer.ok) return tell((failure = (await answer.json()).error?.message ?? `The server answered with status ${answer.status}.`))
  // What was told since, such as that the link was copied, stays.
  if (find('told').textContent === failure) tell(INTRODUCTION)
  const { recordings } = await answer.json()
  const [listed, chosen] = [find('source').options, find('source').value]
  listed.length = 2
  for (const { name } of recordings.filter(({ problem }) => !problem)) listed.add(new Option(`the recording ${name}`, name))
  find('source').value = chosen
  await listSaved()
}

/** How often the page looks whether the server is there, in ms. */
const LOOK_MS = 3000
const update = () => list().then(() => isGone(false), () => isGone(true))
function isGone(is) {
  const wasGone = !find('gone').hidden
  find('gone').hidden = !is
  find('copy').disabled = is || isRefused
  // The preview of a feed has lost its connection.
  if (wasGone && !is) show()
}
/** Looks whether the server is there. When it is back, its recordings may be others. */
async function look() {
  const health = await ask('../health').then((answer) => answer.json().catch(() => ({})), () => undefined)
  if (health && !find('gone').hidden) await update()
  else isGone(!health)
  const why = health ? whyNot(health) : untestable
  if (why !== untestable) {
    untestable = why
    drawTests()
  }
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
  look()
}
