// Overlays that the server saves under a name, whose links stay.

'use strict'

/** The saved overlay that is open: its kind, name and settings as last read, and as the fields show them. */
let opened
/** All saved overlays. */
let overlays = []
/** Whether the settings are those of a link from OBS that contains them. */
let isFromObs = false
const [NEW_STATE, OBS_STATE] = ['Saved under a name, an overlay has a short link that stays. Later changes then reach OBS at once.', 'The link in OBS contains these settings: after a change, replace it there by the new link. That of a saved overlay stays.']
/** The name in the address of this page, until the saved overlays are listed. */
let wantedName = values.get('overlay')

const settingsOf = () => new URLSearchParams(changed()).toString()
const isChanged = () => opened !== undefined && settingsOf() !== opened.shown
const addressOfSettings = (name) => `../overlays/${page}/${encodeURIComponent(name)}/settings`
const isNamed = (name) => ({ kind, name: known }) => kind === page && known.toLowerCase() === name.toLowerCase()

/** Opens a saved overlay, with other values of its fields if there are any. */
function openSaved(overlay, edited = []) {
  isFromObs = false
  turnTo(overlay.kind, new URLSearchParams(overlay.settings))
  opened = { ...overlay, shown: settingsOf() }
  if (edited.length > 0) turnTo(overlay.kind, edited)
  find('name').value = overlay.name
  show()
}

/** Shows which overlay is open, and what can be done with it. */
function drawSaved() {
  const name = find('name').value.trim()
  const isOther = opened !== undefined && name !== opened.name
  find('saved').value = opened ? `${opened.kind}/${opened.name}` : ''
  find('save').textContent = !opened ? 'Save' : isOther ? 'Save as another' : 'Save changes'
  find('save').disabled = name === '' || isRefused
  find('rename').hidden = !isOther || name === '' || isNamed(name)(opened)
  find('delete').hidden = !opened
  find('state').textContent = !opened
    ? isFromObs ? OBS_STATE : NEW_STATE
    : isChanged() ? 'Not saved yet: OBS shows the settings that were saved last.' : 'Saved. OBS shows each change as soon as you save it.'
}

/** Lists the saved overlays. */
async function listSaved() {
  const answer = await ask('../overlays.json')
  if (!answer.ok) return
  const { overlays: listed, problem, damaged } = await answer.json()
  overlays = listed
  find('saved').replaceChildren(new Option('a new one', ''), ...overlays.map(({ kind, name }) => new Option(`${PAGES[kind].label}: ${name}`, `${kind}/${name}`)))
  const kept = damaged.length > 0 ? `Overlays from a damaged file are in ${damaged.join(', ')}, in the folder of recordings.` : ''
  find('unknown').textContent = problem ? `The file of saved overlays, overlays.json, is damaged (${problem}). Repair it in the folder of recordings; the next save keeps it under another name.` : kept
  const wanted = wantedName !== null && wantedName !== undefined && overlays.find(isNamed(wantedName))
  if (wanted) {
    values.delete('overlay')
    values.delete('page')
    openSaved(wanted, [...values])
  }
  wantedName = undefined
  drawSaved()
}

/** Sends a request about a saved overlay. Returns its answer, or `undefined` after it has told what failed. */
async function askSaved(name, init) {
  const answer = await ask(addressOfSettings(name), init).catch(() => undefined)
  if (answer?.ok) return answer.json()
  const { code, message, hint } = (await answer?.json().catch(() => undefined))?.error ?? { message: 'The server does not answer.' }
  if (code === 'not_found' && init.method === 'DELETE') return {}
  if (code !== 'overlay_conflict') return void tell([message, hint].filter(Boolean).join(': '))
  if (!opened || !isNamed(name)(opened)) return void tell(`“${name}” is already saved. Choose it above to change it, or choose another name.`)
  // The next save replaces the other change knowingly.
  const now = await ask(addressOfSettings(name)).then((answer) => answer.ok && answer.json(), () => undefined)
  opened.settings = now ? now.settings : undefined
  return void tell(now ? `Somebody else changed “${name}”. Save again to replace that, or choose it above to see it.` : `Somebody else deleted “${name}”. Save again to have it back.`)
}

async function save() {
  const name = find('name').value.trim()
  // The browser would take `..` for the folder above.
  if (name.startsWith('.')) return void tell('A name cannot begin with a dot.')
  const [settings, kind] = [settingsOf(), page]
  const isSame = opened !== undefined && isNamed(name)(opened)
  const isNew = !isSame
  const done = await askSaved(name, { method: 'PUT', body: JSON.stringify({ settings, ...(isSame && { replaces: opened.settings }) }) })
  if (!done || page !== kind) return undefined
  opened = { ...done, shown: settings }
  find('name').value = done.name
  await listSaved()
  show()
  tell(!isNew ? 'Saved: open overlays of this name have changed.' : isFromObs ? 'Saved. In OBS, replace the link of this overlay by the new one.' : `Saved. ${INTRODUCTION}`)
  isFromObs = false
  return done
}

find('save').onclick = save
find('name').oninput = drawSaved
find('rename').onclick = async () => {
  const before = opened
  if (!(await save())) return
  const deleted = await askSaved(before.name, { method: 'DELETE' })
  await listSaved()
  if (deleted) tell('Renamed. In OBS, replace the link of this overlay by the new one, before OBS loads the old one again.')
}
find('delete').onclick = async () => {
  if (!confirm(`Delete “${opened.name}”? Pages that are open stay as they are. When OBS loads its link again, it says on the stream that this overlay is not saved.`)) return
  if (!(await askSaved(opened.name, { method: 'DELETE' }))) return
  opened = undefined
  find('name').value = ''
  await listSaved()
  show()
  tell('Deleted.')
}
find('saved').onchange = async () => {
  const [kind, name] = find('saved').value.split('/')
  feed = undefined
  await listSaved()
  const chosen = overlays.find((overlay) => overlay.kind === kind && overlay.name === name)
  if (chosen) return openSaved(chosen)
  opened = undefined
  isFromObs = false
  find('name').value = ''
  turnTo(page, [])
  show()
}

const LINK = /\/overlays\/(\w+)(?:\.html|\/([^/]+))$/
/** The kind in a link, and the name as it stands there. */
const partsOfLink = (text) => (URL.canParse(text) ? (LINK.exec(new URL(text).pathname)?.slice(1) ?? []) : [])

/** Opens a link from OBS: of a saved overlay, or with settings. Returns why it cannot. */
async function openLink(text) {
  const [kind, name] = partsOfLink(text)
  if (!kind || !Object.hasOwn(PAGES, kind)) return 'This is not the link of an overlay. In OBS, copy the URL of the Browser source.'
  const { url, token, preview, name: called, ...settings } = Object.fromEntries(new URL(text).searchParams)
  if (token && tokenOf() === '') {
    find('token').value = token
    await update()
  }
  const own = new URL(socketOf('../'))
  feed = URL.canParse(url) && new URL(url).pathname !== own.pathname ? Object.assign(own, { pathname: new URL(url).pathname, search: new URL(url).search }).href : undefined
  if (!name) {
    opened = undefined
    isFromObs = true
    find('name').value = ''
    turnTo(kind, Object.entries(settings))
    show()
    return ''
  }
  await listSaved()
  // Decodes also what is not well-formed.
  const wanted = new URLSearchParams(`name=${name.replaceAll('+', '%2B')}`).get('name')
  const found = overlays.find((overlay) => overlay.kind === kind && overlay.name.toLowerCase() === wanted.toLowerCase())
  if (!found) return `No overlay of this server is saved as “${wanted}”.`
  openSaved(found)
  return ''
}
async function openPasted() {
  const text = find('pasted').value.trim()
  if (text === '') return
  // Until it is open, the link is that of another overlay.
  find('copy').disabled = true
  const problem = await openLink(text)
  find('copy').disabled = isRefused || !find('gone').hidden
  find('unknown').textContent = problem
  find('pasted').ariaInvalid = String(problem !== '')
  if (problem === '') find('pasted').value = ''
}
find('pasted').onchange = openPasted
// The text is there after the event.
find('pasted').onpaste = () => setTimeout(openPasted)
