// Sets up an overlay: options, a live preview, and the link for OBS.

'use strict'

const SWITCH = { 1: 'on', 0: 'off' }
const AVATARS = ['avatars', 'Profile pictures (from TikTok)', '0', SWITCH]
const COMMON = [['size', 'Text size (pixels)', '24', 'number'], ['colour', 'Text colour', '', 'text'], ['accent', 'Accent colour', '', 'text'], ['background', 'Background colour', '', 'text'], ['font', 'Font', '', 'text'], ['align', 'Alignment', 'start', ['start', 'center', 'end']], ['status', 'Connection status', '0', SWITCH]]
/** The pages with their options: name, label, default, and either choices or an input type. */
const PAGES = {
  alerts: ['Gift alerts', [['seconds', 'Seconds on screen', '5', 'number'], ['min', 'Minimum value (diamonds)', '0', 'number'], ['sound', 'Sound', '1', SWITCH]]],
  chat: ['Chat', [['max', 'Messages on screen', '12', 'number'], ['seconds', 'Seconds on screen (0: no limit)', '0', 'number'], AVATARS]],
  goal: ['Goal', [['count', 'Count', 'diamonds', ['diamonds', 'gifts', 'likes', 'follows', 'shares', 'subscribes']], ['goal', 'Goal', '1000', 'number'], ['start', 'Initial value', '0', 'number'], ['title', 'Title', '', 'text']]],
  leaderboard: ['Leaderboard', [['max', 'Viewers on screen', '5', 'number'], ['title', 'Title', 'Top gifters', 'text']]],
  viewers: ['Viewers', [['total', 'Also show the total', '0', SWITCH]]],
  gifts: ['Gift list', [['max', 'Gifts on screen', '3', 'number'], ['seconds', 'Seconds on screen', '6', 'number'], ['min', 'Minimum value (diamonds)', '0', 'number'], AVATARS]],
}
const find = (id) => document.getElementById(id)
const INTRODUCTION = find('told').textContent
const socketOf = (path) => Object.assign(new URL(path, location.href), { protocol: location.protocol.replace('http', 'ws') }).href

/** The settings in the address of this page, which survive a reload. */
const stored = () => new URLSearchParams(location.search)

function draw() {
  const [settings, own] = [stored(), PAGES[find('page').value][1]]
  find('fields').replaceChildren(...[...own, ...COMMON].map(([name, label, value, kind]) => {
    const field = document.createElement(typeof kind === 'object' ? 'select' : 'input')
    if (Array.isArray(kind)) field.append(...kind.map((choice) => new Option(choice, choice)))
    else if (kind === SWITCH) field.append(...Object.entries(SWITCH).map(([choice, text]) => new Option(text, choice)))
    else Object.assign(field, { type: kind, min: 0, placeholder: 'default' })
    Object.assign(field, { name, value: settings.get(name) ?? value })
    // The address may contain anything.
    if (field.value === '') field.value = value
    field.dataset.unset = value
    field.ariaLabel = label
    const made = document.createElement('label')
    made.append(label, field)
    return made
  }))
  show()
}

/** Every option that differs from its default, with its value. */
const changed = () => [...find('fields').querySelectorAll('input, select')].filter(({ value, dataset }) => value !== dataset.unset).map(({ name, value }) => [name, value])

/** The URL of the overlay. */
function urlOf(feed) {
  const url = new URL(`${find('page').value}.html`, location.href)
  url.search = ''
  url.searchParams.set('url', feed)
  if (find('token').value) url.searchParams.set('token', find('token').value)
  for (const [name, value] of changed()) url.searchParams.set(name, value)
  return url.href
}

let timer
function show() {
  const tape = find('tape').value
  const page = find('page').selectedIndex > 0 ? [['page', find('page').value]] : []
  history.replaceState(null, '', `${location.pathname}?${new URLSearchParams([...page, ...changed()])}`.replace(/\?$/, ''))
  clearTimeout(timer)
  // A page from disk has no server of its own.
  if (location.protocol === 'file:') return
  find('link').value = urlOf(socketOf('../'))
  // Each keystroke would restart the preview.
  timer = setTimeout(() => {
    find('preview').src = urlOf(tape ? socketOf(`../ws/play/${encodeURIComponent(tape)}?speed=10`) : socketOf('../'))
  }, 300)
}

find('page').append(...Object.entries(PAGES).map(([name, [label]]) => new Option(label, name)))
if (Object.hasOwn(PAGES, stored().get('page') ?? '')) find('page').value = stored().get('page')
find('page').onchange = draw
find('tape').onchange = show
find('fields').oninput = show
find('form').onsubmit = (event) => event.preventDefault()
find('copy').onclick = async () => {
  find('link').select()
  const isCopied = await navigator.clipboard?.writeText(find('link').value).then(() => true, () => false)
  const secret = find('token').value ? 'The link contains the token: keep it secret. ' : ''
  tell(secret + (isCopied ? `Copied. ${INTRODUCTION}` : 'The browser refused: copy the selected link by hand.'))
}
const tell = (text) => (find('told').textContent = text)
const ask = (path) => fetch(path, { headers: find('token').value ? { authorization: `Bearer ${find('token').value}` } : {} })

/** Lists the recordings. While nothing is playing, the first one is the preview. */
async function list() {
  const token = find('token').value
  const [answer, health] = await Promise.all([ask('../recordings'), ask('../health')])
  // In the meantime, somebody typed on.
  if (find('token').value !== token) return
  if (answer.status === 401) {
    find('locked').hidden = false
    show()
    return tell(find('token').value ? 'The server rejected this token. Enter the one that it was started with.' : 'This server requires a token. Enter it above the options.')
  }
  if (!answer.ok) return tell((await answer.json()).error?.message ?? `The server answered with status ${answer.status}.`)
  tell(INTRODUCTION)
  const { recordings } = await answer.json()
  const tapes = recordings.filter(({ problem }) => !problem).map(({ name }) => new Option(name, name))
  find('tape').replaceChildren(find('tape').firstElementChild, ...tapes)
  if (health.ok && (await health.json()).mode === 'idle' && tapes.length > 0) find('tape').value = tapes[0].value
  show()
}

const update = () => list().catch(() => tell('The server does not answer. Start livetape again, then reload this page.'))
let asking
find('token').oninput = () => {
  find('link').value = location.protocol === 'file:' ? '' : urlOf(socketOf('../'))
  clearTimeout(asking)
  // The server need not judge each letter.
  asking = setTimeout(update, 300)
}
draw()
if (location.protocol === 'file:') tell('Opened from disk, this page cannot reach a server. Start `livetape serve`, then open http://127.0.0.1:3000/overlays/ instead.')
else update()
