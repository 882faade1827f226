// Plays the show of this page: its events move the totals and the list, and are sent to the overlay in the frame.

'use strict'

/** How far an arrow key moves, in ms. */
const STEP_MS = 5000
/** Longest time between two frames that counts, in ms: a page in the background stands still. */
const FRAME_MS_MAX = 250
/** Line breaks and characters that change the direction of text, which JSON can also write as escapes. */
const UNSEEN = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

const find = (id) => document.getElementById(id)
const [position, speed, frame, list] = ['position', 'speed', 'overlay', 'events'].map(find)
const LENGTH_MS = Number(position.max)
/** The totals, by name. */
const cells = new Map([...document.querySelectorAll('[data-total]')].map((cell) => [cell.dataset.total, cell]))
/** The lines of the list, by the numbers of their events. Not every event has one. */
const lines = new Map([...list.children].map((line) => [Number(line.id.slice(1)), line]))

/** All events with their times. */
let entries = []
/** Number of events until now, which is `now` ms after the start. */
let count = 0
let now = 0
let isPlaying = false
/** Time of the last frame. */
let last = 0

/** Reads what an element of this page contains, packed. */
function unpack(id) {
  const bytes = Uint8Array.from(atob(find(id).textContent), (character) => character.charCodeAt(0))
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')))
}

/** Writes a text. One that stays the same would make the browser lay out the page again. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

const pad = (number) => String(number).padStart(2, '0')

/** Formats a time: `6:42`, `1:02:03` */
function clock(ms) {
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60]
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds)}` : `${minutes}:${pad(seconds)}`
}

/** Events that the overlay gets when its page has loaded; `undefined` after that. */
let waiting

/** Starts the overlay again: it must not show what belongs to another moment. */
function restartOverlay() {
  const isLoading = waiting !== undefined
  waiting = []
  if (!isLoading) frame.srcdoc = frame.dataset.page
}

function send(event) {
  if (waiting) waiting.push(event)
  // Pages from disk have no origin to name.
  else frame.contentWindow.postMessage({ event }, '*')
}

frame.onload = () => {
  const events = waiting ?? []
  waiting = undefined
  events.forEach(send)
}

/** Lets the next event happen. */
function happen() {
  const { totals, event } = entries[count]
  for (const [name, total] of Object.entries(totals)) cells.get(name).textContent = total.toLocaleString('en')
  count += 1
  lines.get(count)?.classList.add('past')
  return event
}

/** Moves to a time, and past all of its events or the first `upTo`. */
function seek(ms, upTo = Infinity) {
  const target = Math.min(Math.max(ms, 0), LENGTH_MS)
  begin()
  let goal = entries.findIndex(({ at }) => at > target)
  goal = Math.min(goal < 0 ? entries.length : goal, upTo)
  if (goal < count) {
    for (let seq = goal + 1; seq <= count; seq += 1) lines.get(seq)?.classList.remove('past')
    for (const cell of cells.values()) cell.textContent = '0'
    count = 0
  }
  while (count < goal) happen()
  now = target
  restartOverlay()
  show(true)
}

/** Moves to just after an event, which the overlay shows. */
function seekEvent(seq) {
  if (!entries[seq - 1]) return
  pause()
  seek(entries[seq - 1].at, seq)
  send(entries[seq - 1].event)
}

let shown

/** Shows the present moment, and scrolls the list to it: always, or only if it was in sight. */
function show(isAlways = false) {
  const time = clock(now)
  write(find('time'), `${time} / ${clock(LENGTH_MS)}`)
  write(find('when'), `Until ${time}`)
  position.value = now
  position.ariaValueText = `${time} of ${clock(LENGTH_MS)}`
  let line
  for (let seq = count; seq > 0 && !line; seq -= 1) line = lines.get(seq)
  if (find('details').open) showJson()
  if (line === shown && !isAlways) return
  const { top, bottom } = list.getBoundingClientRect()
  const old = shown?.getBoundingClientRect()
  const isInSight = !old || (old.bottom > top && old.top < bottom)
  shown?.classList.remove('now')
  line?.classList.add('now')
  shown = line
  if (isAlways || isInSight) list.scrollTop = line ? line.offsetTop - list.clientHeight / 2 : 0
}

function showJson() {
  if (count === 0) return
  const { event, offset } = entries[count - 1]
  const json = JSON.stringify(event, undefined, 2)
  const visible = json.replaceAll(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
  write(find('which'), `Event ${count} of ${entries.length}, ${offset / 1000} s after the start of the recording`)
  write(find('json'), visible)
}

/** Leaves the first picture, whose totals are those of the whole show. */
function begin() {
  if (document.body.classList.contains('begun')) return
  document.body.classList.add('begun')
  find('poster').hidden = true
  for (const cell of cells.values()) cell.textContent = '0'
}

function play() {
  if (now >= LENGTH_MS) seek(0)
  begin()
  isPlaying = true
  last = performance.now()
  find('play').textContent = 'Pause'
  requestAnimationFrame(tick)
}

function pause() {
  isPlaying = false
  find('play').textContent = now >= LENGTH_MS && document.body.classList.contains('begun') ? 'Play again' : 'Play'
}

const toggle = () => (isPlaying ? pause() : play())

function tick(time) {
  if (!isPlaying) return
  now = Math.min(now + Math.min(Math.max(time - last, 0), FRAME_MS_MAX) * Number(speed.value), LENGTH_MS)
  last = time
  while (count < entries.length && entries[count].at <= now) send(happen())
  show()
  if (now < LENGTH_MS) requestAnimationFrame(tick)
  else pause()
}

/** Chooses another speed of the list. */
function shift(by) {
  speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.length - 1)
}

const KEYS = {
  ' ': toggle,
  k: toggle,
  ArrowLeft: () => seek(now - STEP_MS),
  ArrowRight: () => seek(now + STEP_MS),
  Home: () => seek(0),
  End: () => seek(LENGTH_MS),
  ',': () => seekEvent(count - 1),
  '.': () => seekEvent(count + 1),
  '<': () => shift(-1),
  '>': () => shift(1),
  ...Object.fromEntries([...'0123456789'].map((digit) => [digit, () => seek((LENGTH_MS * digit) / 10)])),
}

function press(event) {
  const { key, target, ctrlKey, metaKey, altKey } = event
  const isOfControl = target.closest('select') || (key === ' ' && target.closest('button, summary'))
  if (ctrlKey || metaKey || altKey || isOfControl || !Object.hasOwn(KEYS, key)) return
  event.preventDefault()
  KEYS[key]()
}

async function save() {
  const url = URL.createObjectURL(await unpack('recording').blob())
  Object.assign(document.createElement('a'), { href: url, download: 'show.bin' }).click()
  URL.revokeObjectURL(url)
}

/** Moves to the event that the address names, as in `show.html#e17`. */
function follow() {
  const [, seq] = /^#e(\d+)$/.exec(location.hash) ?? []
  if (!seq) return
  seekEvent(Number(seq))
  // The browser has scrolled to the line.
  scrollTo(0, 0)
}

async function start() {
  find('failure').hidden = true
  entries = await unpack('entries').json()
  document.body.classList.add('plays')
  for (const id of ['player', 'details', 'save']) find(id).hidden = false
  restartOverlay()
  find('poster').onclick = play
  find('play').onclick = toggle
  find('save').onclick = save
  find('details').ontoggle = showJson
  position.oninput = () => seek(Number(position.value))
  document.addEventListener('keydown', press)
  list.onclick = (event) => {
    const line = event.target.closest('li')
    if (!line || getSelection().type === 'Range') return
    // Following the link would also scroll the page.
    event.preventDefault()
    history.replaceState(undefined, '', `#${line.id}`)
    seekEvent(Number(line.id.slice(1)))
  }
  addEventListener('hashchange', follow)
  follow()
}

start().catch((error) => {
  find('failure').textContent = `This browser cannot play the show (${error.message}). Its totals and events are below.`
  find('failure').hidden = false
})
