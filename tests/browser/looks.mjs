// The page at five widths, in light and dark, and texts from outside, in every place that shows one: in many scripts, with characters that
// reverse what follows.

import assert from 'node:assert/strict'

import { ask, withServer } from '../support/livetape.mjs'
import { inked, Visit } from './page.mjs'
import { event, scripted } from './scripted.mjs'

/** Names and texts in other scripts than Latin. */
const SCRIPTS = [
  ['小石_花子', '大家好，初見です。안녕하세요 여러분'],
  ['نجمة_الليل', 'السلام عليكم 🌹 (1) abc!'],
  ['כוכב🦊', 'שלום לכולם'],
  ['ดาวเหนือ', 'สวัสดีครับ 👩‍👩‍👧‍👦 👩🏽‍🚀 🇺🇳'],
]
const [NARROW, DESKTOP, WIDE] = [[360, 740], [1440, 900], [3840, 2160]]
/** From this size on, the page is as large as the window. */
const FITS = [1040, 600]
const SIZES = [NARROW, [768, 1024], [1024, 768], DESKTOP]
const SCHEMES = ['light', 'dark']

/** Runs in the page: elements that reach out of the window, and texts that do not fit into their box, without an ellipsis or scrolling. */
function cutOff() {
  const scrolls = (element) => element !== null && (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement))
  // What an ellipsis stands for is not visible at all.
  const isEllipsis = (element) => element !== null && (getComputedStyle(element).textOverflow === 'ellipsis' || isEllipsis(element.parentElement))
  const isCut = (element) => {
    const { overflowX, textOverflow, webkitLineClamp, clipPath } = getComputedStyle(element)
    const { left, right, width } = element.getBoundingClientRect()
    if (!element.checkVisibility() || width === 0 || clipPath !== 'none' || element.closest('[aria-hidden=true]') || isEllipsis(element.parentElement)) return false
    if ((left < -1 || right > innerWidth + 1) && !scrolls(element)) return true
    const isTold = textOverflow === 'ellipsis' || webkitLineClamp !== 'none' || /auto|scroll/.test(overflowX)
    // Long texts in fields scroll.
    return !isTold && !element.matches('input') && (overflowX !== 'visible' || element.matches('button')) && element.scrollWidth > element.clientWidth + 1
  }
  return [...document.querySelectorAll('body *')].filter((element) => element instanceof HTMLElement && isCut(element)).map(({ outerHTML }) => outerHTML.slice(0, 160))
}

/** Layouts: narrow and wide, light and dark, with texts in many scripts. */
export async function looks({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', '20'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.locator('article').nth(8).waitFor()
    // The timeline appears a moment later.
    await page.locator('.legend').waitFor({ state: 'attached' })
    await ask(url, 'replay/pause', { method: 'POST' })
    const inject = (body) => ask(url, 'inject', { method: 'POST', body: JSON.stringify(body) })
    for (const [user, comment] of SCRIPTS) await inject({ type: 'gift', user, gift: comment, diamonds: 50 }).then(() => inject({ type: 'chat', user, comment }))
    const look = async (shows, [width, height], scheme) => {
      const name = `looks-${shows}-${width}-${scheme}`
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme: scheme })
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
      if (shows === 'dashboard') {
        // The feed still shows its last row, and the timeline its bars.
        await page.locator('article', { hasText: SCRIPTS.at(-1)[0] }).last().waitFor()
        assert.ok((await page.evaluate(inked)) > 500, `${name} has no bars`)
      }
      const [grown, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.ok(grown <= seen, `${name} is ${grown} wide, not ${seen}`)
      assert.deepEqual(await page.evaluate(cutOff), [], `${name} cuts something off`)
      if (shows === 'dashboard' && width >= FITS[0] && height >= FITS[1]) {
        // The page fits the window, and its panels scroll.
        await page.mouse.move(width / 2, 20)
        await page.mouse.wheel(0, 5000)
        const [tall, space] = await page.evaluate(() => [document.documentElement.scrollHeight, innerHeight])
        assert.equal(tall, space, `${name} is taller than the window`)
      }
      await visit.picture(pictures, name)
      await visit.axe()
    }
    for (const size of SIZES) for (const scheme of SCHEMES) await look('dashboard', size, scheme)
    await look('dashboard', WIDE, 'light')
    for (const shows of ['overlays/', 'try']) {
      await page.goto(`${url}/${shows}`)
      for (const size of [NARROW, DESKTOP]) for (const scheme of SCHEMES) await look(shows.replace('/', ''), size, scheme)
    }
    await visit.leave(/AudioContext/)
    return `${SIZES.map(([width]) => width).join(', ')} in light and dark, ${WIDE[0]} in light`
  })
}

/** A text as it arrives, and as the page shows it. */
const [SENT, SHOWN] = ['\u202Eשלום (1)\u2066\u200B', 'שלום (1)']
/** A letter that no text of ours has. */
const LETTER = 'ש'

/** Runs in the page: texts that could change how others look, and how often the page shows a text from outside. */
function unsafe([letter, shown]) {
  const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/
  const ATTRIBUTES = ['title', 'aria-label', 'placeholder', 'alt']
  const found = []
  let count = 0
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) {
    const { data, parentElement: parent } = walk.currentNode
    if (CONTROLS.test(data)) found.push(`control characters: ${parent.outerHTML}`)
    // In the JSON of an event, in avatars and in cells with types, nothing of ours is on the same line.
    if (!data.includes(letter) || parent.closest('pre, .avatar, .type')) continue
    count += 1
    const isAlone = parent.localName === 'bdi' && [shown, `@${shown}`].includes(parent.textContent)
    if (!isAlone) found.push(`not isolated: ${parent.outerHTML}`)
  }
  for (const element of document.querySelectorAll('*')) {
    for (const name of ATTRIBUTES) {
      // Attributes have no elements: isolates keep names apart there.
      const value = (element.getAttribute(name) ?? '').replaceAll(/\u2068([^\u2068\u2069]*)\u2069/g, '$1')
      if (CONTROLS.test(value)) found.push(`control characters in ${name}: ${element.outerHTML.slice(0, 200)}`)
    }
  }
  return { found, count }
}

const RECORDING = {
  name: SENT, builtIn: false, bytes: 7, durationMs: 60_000, modified: null, privacy: SENT, problem: null, sealed: true, source: SENT, started: null, user: SENT,
}
const DETAILS = {
  ...RECORDING, connectionCount: 1, connections: [], damage: {}, events: {}, framesReceived: 1, framesSent: 0, header: null, lostInGaps: 0, markers: 1, records: 1, users: 1,
  timeline: { bucketMs: 1000, connections: [], durationMs: 60_000, gaps: [], markers: [{ offsetMs: 1000, label: SENT }], missingRecords: 0, total: [1], types: { [SENT]: [1] } },
}
const CLUSTER = { cluster: SENT, node: 'a', owner: 'a', reachable: true, refused: null, nodes: [{ node: 'a', version: SENT, clients: 1 }] }
const CLIENT = { id: 'a', number: 1, origin: SENT, agent: SENT, clientId: SENT, path: SENT, query: '', resent: null, filter: SENT, observer: false, position: 1, lag: 0, rooms: [SENT], metadata: {}, createdAt: '2026-01-01T00:00:00Z', lastPing: '2026-01-01T00:00:00Z' }
const CLIENTS = [CLIENT, { ...CLIENT, id: 'b', path: '/' }]
const LEFT = { ...CLIENT, id: 'c', resent: 1, leftAt: '2026-01-01T00:00:01Z', code: 4000, reason: SENT, byServer: true, sentBytes: 1 }
const REPLAY = { recording: SENT, state: 'paused', offsetMs: 0, durationMs: 60_000, speed: 1, lap: 1, laps: 1, fromMs: 0, toMs: null, generation: 1 }
const MOCK = { scenario: SENT, url: 'http://127.0.0.1:1', received: 1, entries: [{ atMs: 1, connection: 1, what: SENT, details: SENT, status: 200, fault: SENT }] }
const CHECK = { canConnect: false, code: 'user_offline', exists: null, live: null, message: SENT, hint: SENT, roomId: null, username: SENT }

export async function names({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '0'], async ({ url }) => {
    const server = await scripted(url, ({ send }, _query, visits) => {
      if (visits > 1) return
      const user = { userId: '7', uniqueId: `${SENT}\u202E`, nickname: SENT }
      const by = { sender: SENT, user: { ...user, nickname: '' } }
      const events = [
        ['connection_created', { roomId: SENT, source: SENT }],
        ['chat', { ...by, comment: SENT }],
        ['gift', { sender: 'ann', user, giftName: SENT, streakId: 's', repeatCount: 3, repeatDelta: 2, diamonds: 3, isFinal: false }],
        ['control', { state: SENT }],
        ['unknown', { method: SENT }],
        ['brand_new', { key: SENT }],
        [SENT, { sender: SENT }],
        ['connection_closed', { reason: SENT }],
        ['error', { code: 'io', message: SENT, hint: SENT, attempt: 1, retrying: true }],
        ['disconnected', { reason: SENT }],
      ]
      events.forEach(([type, data], index) => send(event(index + 1, type, data)))
    })
    const visit = await Visit.open(browser, server.url)
    const { page } = visit
    const own = await ask(url, 'status')
    let status = { ...own, username: SENT, roomId: SENT, state: 'retrying', mode: 'idle', cluster: CLUSTER }
    const answers = {
      '/status': () => status,
      '/replay': () => REPLAY,
      '/recordings': () => ({ recordings: [RECORDING] }),
      '/connections': () => ({ connections: CLIENTS, left: [LEFT] }),
      '/mock': () => ({ running: MOCK }),
    }
    await page.route(({ pathname }) => Object.hasOwn(answers, pathname), (route) => route.fulfill({ json: answers[new URL(route.request().url()).pathname]() }))
    await page.route(/\/recordings\/./, (route) => route.fulfill({ json: DETAILS }))
    await page.route(/\/test\/./, (route) => route.fulfill({ json: CHECK }))

    let shown = 0
    const isSafe = async (where) => {
      const { found, count } = await page.evaluate(unsafe, [LETTER, SHOWN])
      assert.deepEqual(found, [], where)
      shown += count
    }
    const button = (name) => page.getByRole('button', { name, exact: true })
    await page.locator('article').nth(9).waitFor()
    await page.locator('.mock-log .failed').waitFor()
    await page.getByRole('textbox', { name: 'TikTok user' }).fill('x')
    await button('Connect').click()
    await page.locator('.refusal', { hasText: 'Cannot connect' }).waitFor()
    await button('2 clients').click()
    await page.locator('.clients li').nth(1).waitFor()
    await button('Client log').click()
    await page.locator('.client-log ol li').nth(3).waitFor()
    await page.locator('article .here').waitFor()
    await isSafe('a room')
    await visit.picture(pictures, 'names')
    await button('Close the client log').click()

    status = { ...status, mode: 'replay', state: 'connected', source: 'replay' }
    await page.locator('.timeline .marker').waitFor()
    const row = page.locator('.tape-row', { hasText: SHOWN })
    await row.getByRole('button', { name: 'Info' }).click()
    await row.locator('.facts-list dd').nth(5).waitFor()
    await isSafe('a replay')
    for (const [name, title] of [['Rename', /^Rename/], ['Delete', /^Delete/]]) {
      await row.getByRole('button', { name }).click()
      const dialog = page.getByRole('dialog', { name: title })
      await dialog.waitFor()
      await isSafe(name)
      await dialog.getByRole('button', { name: 'Cancel' }).click()
    }
    // The JSON of an event shows such characters as escapes.
    await page.locator('article.kind-gift').click()
    await page.locator('.details pre', { hasText: '\\u202e' }).waitFor()
    await isSafe('an event')
    await visit.picture(pictures, 'names-replay')
    // Messages: failures and notices.
    await page.route(/\/replay\/seek$/, (route) => route.fulfill({ status: 409, json: { error: { code: 'recording_busy', message: SENT, hint: SENT } } }))
    await page.getByRole('slider').press('5')
    await page.locator('.card.error').waitFor()
    await isSafe('a failure')
    assert.ok(shown > 60, `only ${shown} texts were seen`)
    await visit.leave(/Failed to load resource/)
    await server.stop()
    return `${shown} texts from outside, each isolated`
  })
}
