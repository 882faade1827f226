// The replay's controls: with the mouse, with keys, and from two pages; markers and gaps on the timeline.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import { ask, recording, until, withServer } from '../support/livetape.mjs'
import { Visit, clipboard, inked } from './page.mjs'

/** An offset as the page shows it. */
const shownTime = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}.${Math.floor(ms / 100) % 10}`

/** Runs in the page: the middle of the first bar in the right half of the timeline. */
export function barAt() {
  const canvas = document.querySelector('.timeline canvas')
  const { left, top, width, height } = canvas.getBoundingClientRect()
  if (canvas.width === 0 || canvas.height === 0) return undefined
  const { data } = canvas.getContext('2d').getImageData(0, canvas.height - 2, canvas.width, 1)
  const from = Array.from({ length: canvas.width }, (_, x) => x).find((x) => x > canvas.width / 2 && data[4 * x + 3] > 0)
  return from !== undefined && [left + ((from + 1) * width) / canvas.width, top + height - 4]
}

export async function transport({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0'], async ({ url, ws }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const other = await Visit.open(browser, url)
    const replay = () => ask(url, 'replay')
    const reach = (what, test) => until(what, async () => test(await replay()))
    const button = (name) => page.getByRole('button', { name, exact: true })
    const slider = page.getByRole('slider')
    await slider.waitFor()
    // Clicks on bars need the timeline, which comes after the replay's state.
    await page.locator('.legend').waitFor()
    const paused = await page.getByRole('button', { name: /pause/i }).evaluateAll((all) => all.map((it) => it.ariaLabel || it.textContent.trim()))
    assert.deepEqual(paused, ['Pause replay (space)', 'Pause list'], 'buttons that pause have their own names')

    await button('Pause replay (space)').click()
    await reach('a pause', ({ state }) => state === 'paused')
    await other.page.getByRole('button', { name: 'Play replay (space)' }).waitFor()
    const { offsetMs: stopped } = await replay()
    await button('Next event (.)').click()
    const { offsetMs: stepped } = await until('a step', async () => {
      const state = await replay()
      return state.offsetMs > stopped && state
    })
    await button('Forward 5 seconds (→)').click()
    await reach('five seconds on', ({ offsetMs }) => offsetMs === stepped + 5000)
    await button('Back 5 seconds (←)').click()
    await reach('back again', ({ offsetMs }) => offsetMs === stepped)

    // A click seeks, and the other page follows.
    const { durationMs } = await replay()
    const box = await slider.boundingBox()
    const at = (part) => [box.x + box.width * part, box.y + box.height / 2]
    await page.mouse.click(...at(0.5))
    await reach('the middle', ({ offsetMs }) => Math.abs(offsetMs / durationMs - 0.5) < 0.02)
    await until('the other page to follow', async () => {
      const now = Number(await other.page.getByRole('slider').getAttribute('aria-valuenow'))
      return Math.abs((now * 1000) / durationMs - 0.5) < 0.02
    })

    // A drag loops a range, also if the page polls the state before the server has executed the command.
    await page.route('**/replay/loop', async (route) => {
      await page.waitForResponse(/\/replay$/)
      await route.continue()
    }, { times: 1 })
    await page.mouse.move(...at(0.25))
    await page.mouse.down()
    await page.mouse.move(...at(0.3), { steps: 5 })
    await page.mouse.move(...at(0.35), { steps: 5 })
    await page.mouse.up()
    await reach('a loop', ({ laps }) => laps === null)
    await page.locator('.range').waitFor()
    // Actions on the range: show its events, export it, copy it as a test.
    await button('Events').click()
    const events = page.getByRole('dialog', { name: /^Events from/ })
    await events.locator('.peek li').nth(5).waitFor()
    await visit.axe()
    await events.getByRole('button', { name: 'Close' }).click()
    await button('Export…').click()
    const exporting = page.getByRole('dialog', { name: 'Export the range as a recording' })
    await exporting.getByLabel('New name').fill('excerpt')
    await exporting.getByRole('button', { name: 'Export…' }).click()
    await page.getByText('excerpt was added to the recordings').waitFor()
    const { privacy, durationMs: cutMs } = (await ask(url, 'recordings')).recordings.find(({ name }) => name === 'excerpt')
    assert.equal(privacy, 'scrubbed', 'scrubbed by default')
    assert.ok(Math.abs(cutMs - durationMs / 10) < 10_000, `the excerpt lasts ${cutMs} ms`)
    await button('Export…').click()
    await exporting.getByRole('button', { name: 'Cancel' }).click()
    await button('Export…').click()
    await exporting.getByLabel('Replace names, ids and texts of people').uncheck()
    const [asked] = await Promise.all([page.waitForRequest(/\/cut$/), exporting.getByRole('button', { name: 'Export…' }).click()])
    assert.equal(asked.postDataJSON().scrub, false, 'not scrubbed if the user says so')
    for (const [language, wanted] of [['shell', /cut demo --from \d+ms/], ['rust', /start_at/], ['pytest', /livetape\("demo", start=\d/], ['vitest', /startTape\(\{ recording: "demo", start: \d/]]) {
      await page.locator('.range-bar select').selectOption(language)
      await button('Copy as test').click()
      await page.getByText('Copied the test').waitFor()
      await until(`a test for ${language}`, async () => wanted.test(await clipboard(page)))
    }
    await other.page.locator('.loop[aria-pressed=true]').waitFor()
    await other.page.getByRole('button', { name: 'Stop looping the range' }).waitFor()
    await visit.picture(pictures, 'transport')
    await visit.axe()
    await button('Stop looping the range').click()
    await reach('the end of the loop', ({ laps }) => laps === 1)
    await ask(url, 'replay/loop', { method: 'POST', body: JSON.stringify({ from: '10s', to: '20s' }) })
    await button('Stop looping the range').waitFor()
    for (const laps of [1, null, 1]) {
      await page.locator('.loop').click()
      await reach('the loop to change', (now) => now.laps === laps)
    }
    // The events of a bar.
    const { offsetMs: looksFrom } = await replay()
    await page.mouse.dblclick(...at(0.5))
    await events.locator('.peek li').first().waitFor()
    assert.equal((await replay()).offsetMs, looksFrom, 'a double click only looks')
    await page.keyboard.press('Escape')
    await events.waitFor({ state: 'detached' })

    // A click on a bar counts its events; the timeline zooms to it, with the wheel, and with buttons.
    const zoom = page.locator('.zoom .quiet')
    await page.mouse.click(...(await until('a bar', () => page.evaluate(barAt))))
    await page.locator('.bar-count').first().waitFor()
    await page.locator('.bar-shown').waitFor()
    await button('Zoom here').click()
    await zoom.waitFor()
    await visit.picture(pictures, 'zoom')
    await visit.axe()
    await button('Deselect the bar').click()
    await page.locator('.bar-shown').waitFor({ state: 'detached' })
    while (await button('Zoom out').isEnabled()) await button('Zoom out').click()
    await zoom.waitFor({ state: 'detached' })
    await page.mouse.move(...at(0.5))
    await page.keyboard.down('Control')
    await page.mouse.wheel(0, -300)
    await page.keyboard.up('Control')
    await zoom.waitFor()
    const before = await zoom.innerText()
    await page.mouse.wheel(100, 0)
    const moved = await until('another part', async () => {
      const now = await zoom.innerText()
      return now !== before && now
    })
    await page.mouse.click(...at(0.75))
    await reach('a seek in the part that is shown', ({ offsetMs }) => offsetMs / durationMs > 0.5 && offsetMs / durationMs < 0.7)
    await button('Zoom in').click()
    await until('a shorter part', async () => (await zoom.innerText()) !== moved)
    while (await button('Zoom out').isEnabled()) await button('Zoom out').click()
    await zoom.waitFor({ state: 'detached' })

    // Speeds: typed, by buttons, and invalid ones.
    const speed = page.getByRole('combobox', { name: /^Speed/ })
    for (const [typed, wanted] of [['3.5', 3.5], ['0,1×', 0.1], ['max', 'max'], ['1000', 1000], ['1x', 1]]) {
      await speed.fill(typed)
      await speed.press('Enter')
      await reach(`speed ${typed}`, (state) => state.speed === wanted)
      if (wanted === 'max' || wanted === 1000) await page.locator('body').press('Home')
    }
    await speed.fill('warp')
    await speed.press('Enter')
    await page.getByText('Enter a speed from 0.1 to 1000').waitFor()
    await speed.fill('1')
    await speed.press('Enter')
    await page.getByText('Enter a speed from 0.1 to 1000').waitFor({ state: 'detached' })
    await page.evaluate(() => (location.hash = '#t=banana'))
    await page.locator('.card', { hasText: 't=banana' }).waitFor()
    await button('Faster (>)').click()
    await reach('faster', (state) => state.speed === 1.5)
    await button('Slower (<)').click()
    await reach('slower', (state) => state.speed === 1)

    // Keys, as in video players.
    await page.locator('body').click({ position: { x: 5, y: 400 } })
    const press = (key) => page.keyboard.press(key)
    const { state } = await replay()
    await press(' ')
    await reach('space to toggle', (now) => now.state !== state)
    if ((await replay()).state === 'playing') await press(' ')
    // Neither a row nor a button that was clicked keeps the keys of the player.
    const isPlaying = async () => (await replay()).state === 'playing'
    await page.locator('.list article').first().click()
    await press(' ')
    await until('it plays after a click on a row', isPlaying)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Forward 5 seconds' }).click()
    await press(' ')
    await until('it pauses after a click on a button', async () => !(await isPlaying()))
    await reach('standing still', (now) => now.state === 'paused')
    const to = (tenth) => ({ offsetMs: Math.round((durationMs * tenth) / 10) })
    const keys = [
      ['Home', { offsetMs: 0 }], ['Shift+ArrowRight', { offsetMs: 30_000 }], ['ArrowLeft', { offsetMs: 25_000 }], ['.', { offsetMs: (now) => now > 25_000 }], ['>', { speed: 1.5 }], ['<', { speed: 1 }],
      ['r', { laps: null }], ['r', { laps: 1 }], ['9', to(9)], ['0', to(0)], ['5', to(5)], ['l', { offsetMs: to(5).offsetMs + 10_000 }], ['j', to(5)],
      ['k', { state: 'playing' }], ['k', { state: 'paused' }],
    ]
    for (const [key, wanted] of keys) {
      await press(key)
      await reach(`${key} to work`, (now) => Object.entries(wanted).every(([name, value]) => (typeof value === 'function' ? value(now[name]) : now[name] === value)))
    }
    // Steps back, as often as there were steps: each shows the event before again, in a generation of its own.
    // From the start of the backlog, so that no event is missed while the socket connects.
    await page.evaluate((feed) => (new WebSocket(`${feed}?observer=1&since=0`).onmessage = ({ data }) => (globalThis.lastEvent = JSON.parse(data))), ws)
    const last = () => page.evaluate(() => globalThis.lastEvent)
    // Later generations append `~` and their number to ids.
    const shows = async ({ type, ts, id }) => {
      const now = await last()
      return now.type === type && now.ts === ts && now.id?.split('~')[0] === id?.split('~')[0]
    }
    const current = page.locator('article.current')
    // The details follow, and no row is repeated.
    await page.locator('.at-event').click()
    const [details, footer] = [page.locator('.details pre'), page.locator('.footer span').first()]
    const steps = []
    for (let count = 0; count < 5; count += 1) {
      const { seq } = await ask(url, 'truth')
      await press('.')
      const event = await until('an event', async () => {
        const now = await last()
        return now?.seq > seq && now
      })
      await details.filter({ hasText: new RegExp(`"seq": ${event.seq}\\b`) }).waitFor()
      await current.waitFor()
      steps.push({ event, offsetMs: (await replay()).offsetMs, rows: await footer.innerText() })
    }
    await page.locator('.time strong', { hasText: shownTime(steps[4].offsetMs) }).waitFor()
    const back = async (act, { event, offsetMs, rows }) => {
      const { generation } = await replay()
      await act()
      await reach('a step back', (now) => now.generation === generation + 1 && now.offsetMs === offsetMs && now.state === 'paused')
      await until('the event before', () => shows(event))
      await until('as many rows as before', async () => (await footer.innerText()) === rows)
      await details.filter({ hasText: `"ts": "${event.ts}"` }).waitFor()
    }
    await back(() => press(','), steps[3])
    await back(() => button('Previous event (,)').click(), steps[2])
    await back(() => press(','), steps[1])
    await press('.')
    await until('the event after it again', () => shows(steps[2].event))
    await back(() => press(','), steps[1])
    // What the filter hides is named all the same.
    await page.locator('.at-event .type', { hasText: steps[1].event.type }).waitFor()
    const kind = await current.evaluate(({ className }) => /kind-(\w+)/.exec(className)[1])
    await page.locator(`.chip.kind-${kind}`).click({ modifiers: ['Alt'] })
    await page.locator('.at-event', { hasText: 'not in the filtered list' }).waitFor()
    await visit.axe()
    await button('All').click()
    await current.waitFor()
    // By its number if the page knows this pass of the replay, otherwise by its time.
    const { generation } = await replay()
    await button('Play from here').click()
    await reach('the moment before the event', (now) => now.generation === generation + 1 && now.offsetMs <= steps[1].offsetMs)
    await page.locator('.details').getByRole('button', { name: 'Close' }).click()
    for (const preset of [0.5, 2, 5, 20, 'max', 1]) {
      await button(preset === 'max' ? preset : `${preset}×`).click()
      await reach('a preset', (now) => now.speed === preset)
    }
    // A link to a moment, followed by another page.
    await button('Copy a link to this moment').click()
    await page.getByText('Copied the link').waitFor()
    const link = await clipboard(page)
    await press('Home')
    await reach('the start', ({ offsetMs }) => offsetMs === 0)
    await until('no event before the start', () => button('Previous event (,)').isDisabled())
    await other.page.goto(link)
    await reach('the moment of the link', ({ offsetMs }) => Math.abs(offsetMs - steps[1].offsetMs) < 100)
    await other.page.getByText('The link moved the replay').waitFor()
    assert.equal(new URL(other.page.url()).hash, '', 'a reload does not move it again')
    await press('End')
    await reach('the end', ({ offsetMs }) => offsetMs >= durationMs - 1000)

    // Commands from both pages at once: in the end both agree with the server.
    await Promise.all([...Array(6)].map((_, index) => (index % 2 ? visit : other).page.keyboard.press('Home')))
    await other.page.getByRole('button', { name: 'Go to the start (home)' }).click()
    const shown = async ({ page: which }) => which.getByRole('slider').getAttribute('aria-valuenow')
    await until('both pages to agree', async () => (await shown(visit)) === '0' && (await shown(other)) === '0')
    for (const one of [visit, other]) await one.leave()
    return 'clicks, a drag, 13 speeds and 21 keys; a link to a moment; two pages that agree'
  })
}

/** A replay that waits for clients: the dashboard does not count as one, and its Play button starts the replay. */
export async function held({ browser, livetape }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0', '--wait-clients', '1'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.locator('.phase-waiting').waitFor()
    const { observers } = await ask(url, 'status')
    const { connections } = await ask(url, 'connections')
    assert.deepEqual([observers, connections.map(({ observer }) => observer)], [1, [true]], 'the page is an observer')
    assert.equal((await ask(url, 'replay')).state, 'waiting', 'the page does not start the replay')
    await page.getByRole('button', { name: 'Play replay (space)' }).click()
    await until('the replay to start', async () => (await ask(url, 'replay')).state === 'playing')
    await page.locator('article').nth(3).waitFor()
    await page.getByRole('button', { name: 'max', exact: true }).click()
    const total = async () => [await page.locator('.truth dd').first().innerText(), await page.locator('.tile-value').nth(2).innerText()]
    const { diamonds } = await until('the totals of all', async () => {
      const truth = await ask(url, 'truth')
      return truth.diamonds > 100 && (await total()).every((text) => text === String(truth.diamonds)) && truth
    })
    await page.getByRole('button', { name: 'Play again' }).click()
    await until('another pass', async () => (await ask(url, 'replay')).generation === 2)
    // After a seek, also a paused one, totals count from there, everywhere.
    await page.getByRole('button', { name: 'Play again' }).waitFor()
    await page.getByRole('button', { name: '1×', exact: true }).click()
    await page.locator('body').press('5')
    await until('a seek', async () => (await ask(url, 'replay')).generation === 3)
    await page.getByRole('button', { name: 'Pause replay (space)' }).waitFor()
    await page.locator('body').press('k')
    await page.getByText('Your client should show, since 3:21').waitFor()
    await until('the totals since then', async () => {
      const truth = await ask(url, 'truth')
      return truth.diamonds < diamonds && (await total()).every((text) => text === String(truth.diamonds))
    })
    await visit.leave()
    return 'the page is an observer, and Play starts the replay, also at its end'
  })
}

/** A case that is played by hand: what is right in it, its break, and the timeline of the changed recording. */
export async function played({ browser, livetape, pictures }) {
  await withServer(livetape, ['replay', 'demo', '--port', '0', '--case', 'no-final'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.locator('.tape-row.loaded', { hasText: 'demo (no-final)' }).waitFor()
    const counted = async (name) => Object.values((await ask(url, `recordings/${name}`)).timeline.types.gift).reduce((sum, count) => sum + count)
    const [plain, changed] = [await counted('demo'), await counted('demo%20(no-final)')]
    assert.ok(changed < plain, `${changed} gifts of ${plain}`)
    await page.mouse.dblclick(...(await until('a bar', () => page.evaluate(barAt))))
    await page.getByRole('dialog', { name: /^Events from/ }).locator('.peek li').first().waitFor()
    await visit.axe()
    await page.keyboard.press('Escape')
    await visit.leave()
  })
  return withServer(livetape, ['replay', 'demo', '--port', '0', '--case', 'cut', '--speed', '40'], async ({ url, ws }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const panel = page.locator('.transport .case')
    await panel.getByText('Right:').waitFor()
    const { what, happened } = await ask(url, 'replay/case')
    assert.ok((await panel.innerText()).startsWith(`Case cut: ${what.replaceAll('`', '')}.`), 'the case is explained')
    assert.deepEqual(happened, [], 'the page is not a client of the case')
    // A client that comes back after its break.
    await page.evaluate((address) => {
      new WebSocket(address).onclose = () => new WebSocket(address)
    }, ws)
    await panel.getByText('all are back: the show goes on').waitFor()
    const lines = panel.locator('li')
    const told = await lines.allInnerTexts()
    assert.equal(told.length, 4, told.join('; '))
    const { happened: after } = await ask(url, 'replay/case')
    const cut = after.find(({ text }) => text.startsWith('1 connection was cut at '))
    assert.ok(after.slice(1).every(({ offsetMs }) => offsetMs === cut.offsetMs), 'the show waits for the client')
    const { durationMs } = await ask(url, 'replay')
    const mark = page.locator('.timeline .happened[title^="1 connection was cut"]')
    const [at, of] = [await mark.boundingBox(), await page.locator('.timeline canvas').boundingBox()]
    isNear(at.x + at.width / 2 - of.x, (cut.offsetMs / durationMs) * of.width, 'the mark of the break')
    await page.keyboard.press('k')
    await lines.filter({ hasText: '1 connection was cut' }).getByRole('button').click()
    await until('the moment of the break', async () => (await ask(url, 'replay')).offsetMs === cut.offsetMs)
    await visit.axe()
    await visit.picture(pictures, 'case')
    const narrow = await Visit.open(browser, url, { width: 390, height: 844, scheme: 'dark' })
    await narrow.page.locator('.happened-list li').nth(3).waitFor()
    assert.equal(await narrow.page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, 'nothing is cut off')
    await narrow.axe()
    await narrow.picture(pictures, 'case-390')
    for (const one of [visit, narrow]) await one.leave()
    return `${told.length} lines, and a mark at ${shownTime(cut.offsetMs)}`
  })
}

const MARKERS = [{ label: 'the <b>first</b> gift', at: '1m' }, { label: 'raid', at: '4m30s' }]
/** Damages this many bytes, from this fraction of the file on. */
const [DAMAGE_BYTES, DAMAGE_AT] = [6000, 0.4]
/** Maximum distance from the exact position, in CSS pixels. */
const OFF_PX_MAX = 1.5

/** Runs `use` in a folder with `damaged.bin`, which has markers and a gap, and `short.bin`, which has neither. */
async function withRecordings(livetape, use) {
  const cwd = await mkdtemp(path.join(os.tmpdir(), 'livetape-marks-'))
  try {
    const folder = path.join(cwd, 'recordings')
    await mkdir(folder)
    const file = path.join(folder, 'damaged.bin')
    for (const name of ['short', 'damaged']) await writeFile(path.join(folder, `${name}.bin`), await readFile(recording('short')))
    for (const { label, at } of MARKERS) await promisify(execFile)(livetape, ['mark', file, '--at', at, label])
    const bytes = await readFile(file)
    const from = Math.floor(bytes.length * DAMAGE_AT)
    await writeFile(file, bytes.map((byte, index) => (index >= from && index < from + DAMAGE_BYTES ? byte ^ 0xff : byte)))
    return await use(cwd)
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

/** Runs in the page: the position of everything on the timeline, in CSS pixels from its start, and the columns that are drawn on. */
const measure = () => {
  const timeline = document.querySelector('.timeline')
  const { left, width } = timeline.querySelector('canvas').getBoundingClientRect()
  const boxes = (selector) => [...timeline.querySelectorAll(selector)].map((element) => {
    const box = element.getBoundingClientRect()
    return { title: element.title, from: box.left - left, to: box.right - left, isSeen: box.height > 20 }
  })
  const canvas = timeline.querySelector('canvas')
  if (canvas.width === 0 || canvas.height === 0) return { inked: [] }
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  const inked = new Set(data.reduce((columns, value, index) => (index % 4 === 3 && value > 0 && columns.push((index >> 2) % canvas.width), columns), []))
  return { width, markers: boxes('.marker'), gaps: boxes('.gap'), inked: [...inked].map((column) => (column * width) / canvas.width) }
}

const isNear = (a, b, what) => assert.ok(Math.abs(a - b) <= OFF_PX_MAX, `${what} is at ${a}, not ${b}`)

/** A recording from elsewhere: the page says what it cannot show, and plays from its events. */
export async function elsewhere({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', recording('quiet'), '--port', '0', '--speed', '5'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.locator('.transport').getByText('This recording is not in the folder of recordings').waitFor()
    await page.locator('article.kind-chat').nth(2).click()
    await page.keyboard.press('k')
    await page.getByRole('button', { name: 'Play replay (space)' }).waitFor()
    const { offsetMs } = await ask(url, 'replay')
    await page.getByRole('button', { name: 'Play from here' }).click()
    await until('an earlier moment', async () => (await ask(url, 'replay')).offsetMs < offsetMs)
    await visit.axe()
    await visit.picture(pictures, 'elsewhere')
    await visit.leave()
    // One that does not say when it started has a timeline.
    await ask(url, 'replay/load', { method: 'POST', body: '{"recording":"demo"}' })
    const undated = await Visit.open(browser, url, { ready: false })
    await undated.page.route('**/recordings', async (route) => {
      const answer = await route.fetch()
      const { recordings, ...rest } = await answer.json()
      await route.fulfill({ json: { ...rest, recordings: recordings.map((listed) => ({ ...listed, started: null })) } })
    })
    await undated.page.reload()
    await undated.page.locator('.transport').getByText('This recording does not say when it started').waitFor()
    await until('bars', () => undated.page.evaluate(inked))
    await undated.leave()
    return 'the reason, and play from here'
  })
}

export async function marks({ browser, livetape, pictures }) {
  return withRecordings(livetape, (cwd) => withServer(livetape, ['replay', 'recordings/damaged.bin', '--port', '0'], async ({ url }) => {
    const { timeline: told } = await ask(url, 'recordings/damaged')
    assert.deepEqual(told.markers, [{ offsetMs: 60_000, label: MARKERS[0].label }, { offsetMs: 270_000, label: MARKERS[1].label }], 'the server reports the markers')
    assert.equal(told.gaps.length, 1, 'the server reports the gap')
    const [gap] = told.gaps

    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.getByRole('button', { name: 'Pause replay (space)' }).click()
    await page.locator('.timeline .marker').nth(1).waitFor()
    const { width, markers, gaps, inked } = await until('bars', async () => {
      const found = await page.evaluate(measure)
      return found.inked.length > 50 && found
    })
    const x = (ms) => (ms / told.durationMs) * width
    assert.deepEqual(markers.map(({ title }) => title), MARKERS.map(({ label }) => label), 'labels are plain text')
    markers.forEach(({ from, to }, index) => isNear((from + to) / 2, x(told.markers[index].offsetMs), `marker ${index}`))
    assert.equal(gaps.length, 1, 'one gap')
    isNear(gaps[0].from, x(gap.fromMs), 'the start of the gap')
    isNear(gaps[0].to, x(gap.toMs), 'its end')
    const clock = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`
    assert.equal(gaps[0].title, `Gap: ${clock(gap.fromMs)} – ${clock(gap.toMs)}`, 'the title shows the range')
    assert.ok([...markers, ...gaps].every(({ isSeen }) => isSeen), 'all of them are visible')
    // The gap has no bars, but both sides of it do.
    const [from, to] = [gaps[0].from + 4, gaps[0].to - 4]
    assert.ok(to > from && !inked.some((at) => at > from && at < to), 'no bar in the gap')
    assert.ok(inked.some((at) => at < from) && inked.some((at) => at > to), 'bars around it')
    await page.locator('.marker').first().hover()
    await visit.axe()
    await visit.picture(pictures, 'marks')

    // Keys go from marker to marker.
    await page.locator('body').press('Home')
    for (const [key, ms] of [['m', 60_000], ['m', 270_000], ['M', 60_000]]) {
      await page.keyboard.press(key)
      await until(`the marker after ${key}`, async () => (await ask(url, 'replay')).offsetMs === ms)
    }

    // Clicking a marker seeks to it.
    await page.locator('.marker').nth(1).click()
    const aPixel = told.durationMs / width
    await until('the marker', async () => Math.abs((await ask(url, 'replay')).offsetMs - 270_000) < (OFF_PX_MAX + 1) * aPixel)

    // Loading another recording replaces them.
    const load = async (name) => {
      await page.locator('.tape-row', { has: page.locator('bdi.tape', { hasText: name }) }).getByRole('button', { name: 'Play', exact: true }).click()
      await page.locator('.transport .tape', { hasText: name }).waitFor()
    }
    await load('short')
    await page.locator('.timeline .marker').first().waitFor({ state: 'detached' })
    await page.locator('.timeline .gap').waitFor({ state: 'detached' })
    await load('damaged')
    await page.locator('.timeline .gap').waitFor()
    assert.equal(await page.locator('.timeline .marker').count(), 2, 'markers reappear with their recording')
    await visit.leave()
    return `${markers.length} markers, a gap of ${gap.records} records from ${clock(gap.fromMs)} to ${clock(gap.toMs)}`
  }, { cwd }))
}
