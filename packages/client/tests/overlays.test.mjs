// Opens the pages in examples/ from disk in Chromium, with a real server.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import http from 'node:http'

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'

import { ask, eventsOf, recording, scenario, until } from '../../../tests/support/livetape.mjs'
import { proxy, scripted, serve } from './given.mjs'
import { BACKDROP, example, isBroken, launch, open } from './pages.mjs'

let browser
beforeAll(async () => (browser = await launch()))
afterAll(() => browser.close())

const inject = async (url, body) => expect((await fetch(`${url}/inject`, { method: 'POST', body: JSON.stringify(body) })).status).toBe(200)
const host = (url) => new URL(url).host
const isTransparent = (page) => page.evaluate(() => [document.documentElement, document.body].every((it) => getComputedStyle(it).backgroundColor === 'rgba(0, 0, 0, 0)'))

const numberOf = (text) => Number(text.replaceAll(/\D/g, ''))
/** What a goal counts, and the diamonds of everyone on a leaderboard. */
const reached = async ({ page }) => numberOf((await page.locator('#numbers').innerText()).split('/')[0])

const OVERLAYS = {
  alerts: { options: { seconds: 30, sound: 0 }, recording: 'busy', selector: '.alert .name', size: { width: 520, height: 320 } },
  battle: { options: {}, recording: 'battle', selector: '.side .points', size: { width: 640, height: 170 } },
  chat: { options: { max: 8 }, recording: 'demo', selector: '.line', size: { width: 480, height: 400 } },
  goal: { options: { goal: 2000, title: 'Rent for the studio' }, recording: 'busy', selector: '.bar', size: { width: 640, height: 90 } },
  leaderboard: { options: { max: 4 }, recording: 'busy', selector: 'li', size: { width: 480, height: 260 } },
  viewers: { options: { size: 48 }, recording: 'demo', selector: '#viewers:not(:empty)', size: { width: 360, height: 110 } },
}

for (const [name, { options, recording: tape, selector, size }] of Object.entries(OVERLAYS)) {
  test(`${name}: shows a replay on a transparent page, without console errors or requests to other hosts`, async () => {
    const { url, ws } = await serve(['replay', recording(tape), '--port', '0', '--speed', '40', '--wait-clients', '1'])
    const visit = await open(browser, example(`overlays/${name}.html`, { url: `${ws}/`, ...options }), { ...size, backdrop: BACKDROP })
    await visit.page.locator(selector).first().waitFor()
    if (name === 'chat') await until('a full box', async () => (await visit.page.locator('.line').count()) === 8)
    if (name === 'goal') await until('something counted', async () => (await reached(visit)) > 0)
    await fetch(`${url}/replay/pause`, { method: 'POST' })
    await visit.page.waitForFunction(() => document.getAnimations().length === 0)
    await visit.picture(`overlay-${name}`)
    expect(await isTransparent(visit.page)).toBe(true)
    expect(visit.complaints).toEqual([])
    expect(visit.foreign(host(url))).toEqual([])
  })
}

const given = async ({ page }) => (await page.locator('.sum').allInnerTexts()).reduce((sum, text) => sum + numberOf(text), 0)
/** The diamonds of a pass over the recording `gifts`. */
const diamonds = async () => (await eventsOf('gifts', '--types', 'gift')).reduce((sum, { data }) => sum + data.diamonds, 0)
const isOver = async (url, laps = 1) => {
  const { state, lap } = await ask(url, 'replay')
  return state === 'ended' && lap === laps
}

test('the goal counts every diamond once across broken connections and reloads', async () => {
  const server = await serve(['replay', recording('raid'), '--port', '0', '--speed', '200', '--wait-clients', '1'])
  const wire = await proxy(() => server.port)
  const goal = await open(browser, example('overlays/goal.html', { url: `${wire.ws}/`, goal: 1e9 }))
  await until('a first gift', async () => (await reached(goal)) > 0)
  wire.cut()
  await until('the end', () => isOver(server.url))
  const want = (await ask(server.url, 'truth')).diamonds
  expect(want).toBeGreaterThan(100)
  await until('all diamonds', async () => (await reached(goal)) === want)
  await goal.page.reload()
  await until('all diamonds again', async () => (await reached(goal)) === want)
  expect(goal.complaints.filter((line) => !isBroken(line))).toEqual([])
})

test('the goal and the leaderboard only count the current lap of a replay', async () => {
  const want = await diamonds()
  expect(want).toBeGreaterThan(10)
  const { url, ws } = await serve(['replay', recording('gifts'), '--port', '0', '--speed', '1000', '--loop', '3', '--wait-clients', '1'])
  const goal = await open(browser, example('overlays/goal.html', { url: `${ws}/`, goal: 1e9, start: 5 }))
  const board = await open(browser, example('overlays/leaderboard.html', { url: `${ws}/`, max: 100 }))
  await until('the end', () => isOver(url, 3))
  await until('the diamonds of one lap', async () => (await reached(goal)) === want + 5 && (await given(board)) === want)
  // Another pass over the same recording also starts over, as does a page that loads now.
  await fetch(`${url}/replay/load`, { method: 'POST', body: JSON.stringify({ recording: 'gifts' }) })
  await fetch(`${url}/replay/play`, { method: 'POST' })
  await until('a second end', async () => (await ask(url, 'replay')).state === 'ended')
  await goal.page.reload()
  await until('the same again', async () => (await reached(goal)) === want + 5 && (await given(board)) === want)
  expect([...goal.complaints, ...board.complaints]).toEqual([])
})

test('the goal and the leaderboard count nothing twice after a replay server restarts', async () => {
  const replay = (speed) => serve(['replay', recording('gifts'), '--port', '0', '--wait-clients', '2', '--speed', speed])
  const want = await diamonds()
  let server = await replay('20')
  const wire = await proxy(() => server.port)
  const goal = await open(browser, example('overlays/goal.html', { url: `${wire.ws}/`, goal: 1e9, status: 1 }))
  const board = await open(browser, example('overlays/leaderboard.html', { url: `${wire.ws}/`, max: 100 }))
  const streams = () => Promise.all([goal, board].map(({ page }) => page.evaluate(() => overlayClient.position?.split(':')[0])))
  // The first server never reports an end.
  await until('a first gift', async () => (await reached(goal)) > 0 && (await given(board)) > 0)
  const before = await streams()
  await server.stop('SIGKILL')
  await goal.page.getByText('disconnected, retrying in').waitFor()
  server = await replay('1000')
  await until('the new stream', async () => (await streams()).every((stream, index) => stream && stream !== before[index]))
  await until('the end', () => isOver(server.url))
  await until('all diamonds once', async () => (await reached(goal)) === want && (await given(board)) === want)
})

const SECRET = 'a-secret-of-16-or-more'

test('a wrong token is named on the page, which does not retry', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'], { env: { LIVETAPE_TOKEN: SECRET } })
  const pages = { served: `${url}/overlays/chat.html?token=wrong&status=1`, disk: example('overlays/chat.html', { url: `${ws}/`, token: 'wrong' }), none: `${url}/overlays/goal.html` }
  for (const [name, address] of Object.entries(pages)) {
    const visit = await open(browser, address)
    const box = visit.page.locator('.mistakes')
    await box.waitFor()
    expect(await box.innerText()).toContain(name === 'none' ? 'this server requires a bearer token' : 'the bearer token is wrong')
    expect(await box.innerText()).toContain(`${url}/overlays/`)
    expect(await visit.page.evaluate(() => overlayClient.getStatus())).toBe('disconnected')
    if (name === 'served') expect(await visit.page.locator('.status').innerText()).toBe('the bearer token is wrong')
    await visit.close()
  }
  const plain = await open(browser, example('client-example.html'))
  await plain.page.locator('#url').fill(`${ws}/`)
  await plain.page.locator('#token').fill('wrong')
  await plain.page.getByRole('button', { name: 'Connect' }).click()
  await plain.page.getByText('the bearer token is wrong').waitFor()
  expect(await plain.page.locator('#state').innerText()).toBe('not connected')
})

test('an overlay whose server asks for a token after a restart says so for good', async () => {
  let server = await serve(['serve', '--port', '0'])
  const wire = await proxy(() => server.port)
  const { page } = await open(browser, example('overlays/goal.html', { url: `${wire.ws}/`, status: 1 }))
  await until('a connection', () => page.evaluate(() => overlayClient.getStatus() === 'connected'))
  await server.stop('SIGKILL')
  // From here on, its time passes as told.
  await page.clock.install()
  server = await serve(['serve', '--port', '0'], { env: { LIVETAPE_TOKEN: SECRET } })
  const box = page.getByText('this server requires a bearer token')
  await until('the reason', async () => (await page.clock.fastForward(1000), await box.count()) > 1)
  await page.clock.fastForward(60_000)
  expect(await page.locator('.mistakes').innerText()).toContain('copy a new link')
})

test('a socket that the server closes with a reason shows the reason', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'])
  const { type, data } = await new Promise((resolve, reject) => {
    const socket = new WebSocket(`${ws}/ws/nosuch`)
    socket.onmessage = ({ data }) => resolve(JSON.parse(data))
    socket.onerror = reject
  })
  expect(type).toBe('error')
  const visit = await open(browser, `${url}/overlays/chat.html?url=${ws}/ws/nosuch`)
  await visit.page.locator('.mistakes').waitFor()
  expect(await visit.page.locator('.mistakes').innerText()).toContain(data.message)
})

test('a page of another local server learns why it may only read the feed, and which line changes that', async () => {
  const file = await readFile(new URL('../../../examples/client-example.html', import.meta.url))
  const site = http.createServer((_request, response) => response.setHeader('content-type', 'text/html').end(file)).listen(0, '127.0.0.1')
  onTestFinished(() => site.close())
  await once(site, 'listening')
  const origin = `http://127.0.0.1:${site.address().port}`
  const { ws } = await serve(['serve', '--port', '0'])
  const refused = await open(browser, `${origin}/?url=${ws}/ws/nosuch`)
  await refused.page.getByText(`origins = ["${origin}"]`).waitFor()
  const listed = await serve(['serve', '--port', '0'], { env: { LIVETAPE_ORIGINS: origin } })
  const plain = await open(browser, `${origin}/?url=${listed.ws}/ws/nosuch`)
  await plain.page.getByText('unknown token').waitFor()
})

test('a page from disk that the server refuses names the reason and the way out', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'], { env: { LIVETAPE_ORIGINS: 'https://other.example' } })
  const visit = await open(browser, example('overlays/chat.html', { url: `${ws}/` }))
  const box = visit.page.locator('.mistakes')
  await box.waitFor()
  for (const part of ['refuses pages from disk', `${url}/overlays/`, 'LIVETAPE_ORIGINS=null', 'server.origins']) expect(await box.innerText()).toContain(part)
  const plain = await open(browser, example('client-example.html', { url: `${ws}/` }))
  await plain.page.locator('#error').waitFor()
  for (const part of ['refuses pages from disk', '/client-example.html', 'LIVETAPE_ORIGINS=null', 'server.origins']) expect(await plain.page.locator('#error').innerText()).toContain(part)
  const builder = await open(browser, example('overlays/index.html'))
  await builder.page.getByText('open http://127.0.0.1:3000/overlays/ instead').waitFor()
  expect(builder.complaints).toEqual([])
})

test('the page to try rooms, opened from disk, names the page that livetape serves', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'], { env: { LIVETAPE_ORIGINS: 'null' } })
  const visit = await open(browser, example('try.html', { url: `${ws}/ws` }))
  await visit.page.getByText(`open ${url}/try instead`).waitFor()
  expect(await visit.page.locator('#state').innerText()).not.toContain('LIVETAPE_ORIGINS')
})

test('pictures come from TikTok or are drawn, whatever a recording names', async () => {
  const server = await serve(['serve', '--port', '0'])
  const taken = []
  const site = http.createServer((request, response) => response.end(taken.push(request.url))).listen(0, '127.0.0.1')
  onTestFinished(() => site.close())
  await once(site, 'listening')
  const GOOD = 'https://p16-webcast.tiktokcdn.com/avatar.png'
  const port = site.address().port
  const wrong = [`${server.url}/test/victim`, `http://127.0.0.1:${port}/a.png`, `https://localhost:${port}/b.png`, 'http://p16-webcast.tiktokcdn.com/c.png', 'https://p16-webcast.tiktokcdn.com:8443/d.png', 'https://tiktokcdn.com.evil.example/e.png', 'https://eviltiktokcdn.com/f.png', 'https://p16-webcast.tiktokcdn.com@evil.example/g.png', '//evil.example/h.png', 'test/victim']
  const events = await scripted((socket) => {
    for (const [index, url] of [...wrong, GOOD].entries()) {
      const data = { sender: `user${index}`, user: { userId: `${index}`, uniqueId: `user${index}`, avatar: url }, comment: `number ${index}`, giftName: 'Rose', giftPictureUrl: url, repeatCount: 1, repeatDelta: 1, diamondCount: 1, diamonds: 1, streakId: `${index}` }
      for (const [more, type] of ['chat', 'gift'].entries()) socket.send(JSON.stringify({ type, username: 'host', ts: '', replay: true, stream: 'ab', seq: 2 * index + more + 1, data }))
    }
  })
  const addresses = Object.fromEntries(['alerts', 'chat', 'leaderboard'].map((name) => [name, example(`overlays/${name}.html`, { url: events.ws, pictures: 1, max: 40, seconds: 60, sound: 0 })]))
  for (const [name, address] of Object.entries(addresses)) {
    const visit = await open(browser, 'about:blank')
    await visit.page.route(/^https?:/, (route) => route.abort())
    await visit.page.goto(address)
    await visit.page.waitForFunction((count) => overlayClient.getStats().events === count, 2 * (wrong.length + 1))
    await until('the good one', () => visit.asked().includes(GOOD))
    expect([name, visit.asked().filter((url) => /^https?:/.test(url) && url !== GOOD)]).toEqual([name, []])
  }
  // A page that livetape serves is also bound by its policy.
  const served = await open(browser, `${server.url}/overlays/chat.html`)
  await served.page.evaluate((urls) => {
    globalThis.blocked = 0
    document.addEventListener('securitypolicyviolation', () => (globalThis.blocked += 1))
    for (const src of urls) Object.assign(new Image(), { src })
  }, wrong)
  await until('all blocked', async () => (await served.page.evaluate(() => globalThis.blocked)) === wrong.length)
  expect(taken).toEqual([])
})

/** Events with the same pictures, in which only the numbers change. */
const drawAgain = {
  leaderboard: ['gift', (picture, count) => ({ sender: 'ann', user: { userId: '1', uniqueId: 'ann', avatar: picture }, giftName: 'Rose', repeatCount: 1, repeatDelta: 1, diamonds: count, streakId: `${count}` })],
  battle: ['battle', (picture, count) => ({ battleId: '1', action: 4, startedAt: '', timestamp: '', durationSeconds: 60, users: ['ann', 'bob'].map((uniqueId) => ({ userId: uniqueId, uniqueId, avatar: picture, points: count })) })],
}
for (const [name, [type, dataOf]] of Object.entries(drawAgain)) {
  for (const fate of ['missing', 'unanswered', 'good']) {
    test(`${name}: a picture that is ${fate} is requested once, however often it is drawn`, async () => {
      const PICTURE = 'https://p16-webcast.tiktokcdn.com/avatar.png'
      const events = await scripted()
      const visit = await open(browser, 'about:blank')
      const { page } = visit
      const answers = { missing: { status: 404 }, good: { contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', headers: { 'cache-control': 'no-store' } } }
      await page.route(PICTURE, (route) => answers[fate] && route.fulfill(answers[fate]))
      await page.goto(example(`overlays/${name}.html`, { url: events.ws, pictures: 1 }))
      const socket = await until('a reader', () => [...events.sockets][0])
      for (let seq = 1; seq <= 5; seq += 1) {
        socket.send(JSON.stringify({ type, username: 'ann', ts: '', replay: true, stream: 'ab', seq, data: dataOf(PICTURE, seq) }))
        await page.locator('.sum, .points', { hasText: name === 'battle' ? new RegExp(`^${seq}$`) : `${(seq * (seq + 1)) / 2} 💎` }).first().waitFor()
      }
      if (fate === 'good') await page.locator('img.avatar').first().waitFor()
      // Until there is a picture, there is a letter.
      else expect(await page.locator('span.avatar[data-letter=a]').count()).toBe(1)
      expect(visit.asked().filter((url) => url === PICTURE)).toHaveLength(1)
    })
  }
}

test('plain alerts stand where they are aligned', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'])
  for (const [align, at] of [['start', 0], ['center', 0.5], ['end', 1]]) {
    const visit = await open(browser, example('overlays/alerts.html', { url: `${ws}/`, sound: 0, look: 'plain', align, size: 24 }), { width: 390, height: 540 })
    await until('a client', async () => (await ask(url, 'connections')).connections.length === 1)
    await inject(url, { type: 'gift', user: 'ann', gift: 'Rose' })
    const name = visit.page.locator('.alert .name')
    await name.waitFor()
    await visit.page.waitForFunction(() => document.getAnimations().length === 0)
    // Within the padding of the page, half a line on each side.
    const { left, right } = await name.evaluate((it) => it.getBoundingClientRect())
    expect(Math.abs(left - 12 - at * (390 - 24 - (right - left)))).toBeLessThan(2)
    await visit.page.close()
    await until('nobody', async () => (await ask(url, 'connections')).connections.length === 0)
  }
})

test('overlays are told apart by their title, and by the options that differ', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'])
  const server = { url: `${ws}/` }
  const wanted = {
    Goal: ['goal', {}],
    'Goal: Rent, count=likes, goal=2000': ['goal', { title: 'Rent', goal: 2000, count: 'likes' }],
    'Alerts, seconds=9, look=plain': ['alerts', { seconds: 9, look: 'plain', sound: 1 }],
    'Leaderboard: Top gifters': ['leaderboard', { preview: 0, token: '' }],
  }
  for (const [name, options] of Object.values(wanted)) await open(browser, example(`overlays/${name}.html`, { ...server, ...options }))
  const long = await open(browser, example('overlays/goal.html', { ...server, title: '👩‍👩‍👧‍👦'.repeat(100), font: 'x'.repeat(300) }))
  const names = await until('five clients', async () => {
    const { connections } = await ask(url, 'connections')
    return connections.length === 5 && connections.map(({ query }) => new URLSearchParams(query).get('name'))
  })
  expect(names).toEqual(expect.arrayContaining(Object.keys(wanted)))
  expect(long.complaints).toEqual([])
})

const HOSTILE = ['<img src=x onerror="document.title=\'hacked\'">', '</script><script>document.title="hacked"</script>', '\u202Egnp.exe\u202C', '😀'.repeat(10_000), 'a'.repeat(50_000), 'e\u0301\u0302'.repeat(5000), '\u0000\u0007\n\n\n', '‮‭⁦', '👩‍👩‍👧‍👦'.repeat(1000), 'עברית مرحبا', '${7*7} {{7*7}} %s', '   ']

/** Texts that livetape would never send, because it truncates names. */
async function hostileServer() {
  const server = await scripted((socket) => {
    for (const text of ['', '{', 'null', '[]', '{"type":"chat","stream":"x","seq":1}', `{"type":${JSON.stringify(HOSTILE[0])}}`, '['.repeat(50_000)]) socket.send(text)
    HOSTILE.forEach((text, index) => {
      const user = { userId: '1', uniqueId: text, nickname: text, avatar: index % 2 ? 'javascript:document.title="hacked"' : 'x"onerror="document.title=1' }
      const common = { username: text, ts: text, replay: true, stream: 'ab' }
      const gift = { giftName: text, repeatCount: index + 1, repeatDelta: index + 1, diamondCount: 5, diamonds: 5, streakId: `${index}` }
      socket.send(JSON.stringify({ type: 'chat', ...common, seq: 2 * index + 1, data: { sender: text, user, comment: text } }))
      socket.send(JSON.stringify({ type: 'gift', ...common, seq: 2 * index + 2, data: { sender: text, user, ...gift } }))
    })
    let seq = 2 * HOSTILE.length
    const data = { code: HOSTILE[0], title: HOSTILE[0], message: HOSTILE[3], hint: HOSTILE[4] }
    for (const more of [{ type: HOSTILE[0], data: { odd: HOSTILE } }, { type: '__proto__', data: {} }, { type: 'chat', data: {} }, { type: 'gift', data: {} }, { type: 'error', data }]) {
      socket.send(JSON.stringify({ username: 'x', ts: '', replay: true, stream: 'ab', seq: (seq += 1), ...more }))
    }
  })
  return { ...server, events: 2 * HOSTILE.length + 5, diamonds: 5 * HOSTILE.length }
}

const PAGES = { alerts: ['overlays/alerts.html', '.alert'], battle: ['overlays/battle.html', '#battle'], leaderboard: ['overlays/leaderboard.html', 'li'], chat: ['overlays/chat.html', '.line'], goal: ['overlays/goal.html', '.bar'], viewers: ['overlays/viewers.html', '#viewers'], 'client-example': ['client-example.html', '#feed li'] }
for (const [name, [address, rows]] of Object.entries(PAGES)) {
  test(`${name}: hostile names, texts and options stay plain text and are truncated`, async () => {
    const server = await hostileServer()
    const options = { url: server.ws, max: 40, seconds: 60, pictures: 1, sound: 0, status: 1, title: HOSTILE[0], colour: 'red;background:url(//x)', font: '</style><b>', align: 'x', size: '1e' }
    const visit = await open(browser, example(address, options), { width: 600, height: 900, backdrop: BACKDROP })
    const { page } = visit
    await page.locator(rows).first().waitFor({ state: 'attached' })
    // Three of the texts look empty.
    const shows = { chat: HOSTILE.length - 3, alerts: HOSTILE.length, 'client-example': 2 * HOSTILE.length }[name] ?? 1
    await until('all of them', async () => (await page.locator(rows).count()) >= shows)
    // All events have arrived and been drawn: nothing will be added.
    if (name === 'client-example') await until('all counted', async () => (await page.locator('#counters').innerText()).startsWith(`${server.events} received`))
    else await page.waitForFunction((events) => overlayClient.getStats().events === events, server.events)
    if (name === 'goal') await until('all diamonds', async () => (await page.locator('#numbers').innerText()).startsWith(`${server.diamonds} /`))
    await visit.picture(`hostile-${name}`)
    const found = await page.evaluate((rows) => ({
      title: document.title,
      elements: [...document.body.querySelectorAll('img, b, iframe, object')].filter((it) => !it.closest('#counters, #error')).map((it) => it.outerHTML),
      wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
      tallest: Math.max(...[...document.querySelectorAll(rows)].map((row) => row.getBoundingClientRect().height)),
      errors: document.querySelector('#error')?.getBoundingClientRect().height ?? 0,
      text: document.body.innerText,
    }), rows)
    expect(found.title).not.toMatch(/hacked|^1$/)
    expect(found.elements).toEqual([])
    expect(found.wide).toBe(false)
    expect(Math.max(found.tallest, found.errors)).toBeLessThan(200)
    if (shows > 1 || name === 'goal') expect(found.text.includes('<img src=x onerror')).toBe(true)
    expect(/[\u202a-\u202e]/.test(found.text)).toBe(false)
    // The test client shows all data verbatim.
    if (name !== 'client-example') expect(found.text.match(/NaN|undefined|\[object/)).toBeNull()
    expect(visit.complaints).toEqual([])
    expect(visit.foreign(host(server.ws))).toEqual([])
  })
}

/** Minimum time between redraws of an overlay, in ms, less the rounding of browser clocks. */
const DRAW_MS_MIN = 100 - 2

for (const [name, { selector, type, last }] of Object.entries({
  chat: { selector: '#lines', type: 'chat', last: 'number 400' },
  alerts: { selector: '#alerts', type: 'gift', last: '×400' },
  goal: { selector: '#numbers', type: 'gift', last: '400 / 1,000' },
})) {
  test(`${name}: batches the redraws of a rush and draws its end`, async () => {
    const server = await scripted()
    const visit = await open(browser, example(`overlays/${name}.html`, { url: server.ws, max: 5 }))
    const { page } = visit
    const socket = await until('a reader', () => [...server.sockets][0])
    await page.evaluate((selector) => {
      globalThis.drawn = []
      const changes = new MutationObserver(() => {})
      changes.observe(document.querySelector(selector), { childList: true, characterData: true, subtree: true })
      // Measures when a redraw begins: its duration does not delay the next one.
      const inFrame = globalThis.requestAnimationFrame.bind(globalThis)
      globalThis.requestAnimationFrame = (draw) => inFrame((time) => {
        const began = performance.now()
        changes.takeRecords()
        draw(time)
        if (changes.takeRecords().length > 0) drawn.push(began)
      })
    }, selector)
    for (let seq = 1; seq <= 400; seq += 1) {
      const data = { sender: 'ann', comment: `number ${seq}`, giftName: 'Rose', streakId: 's', repeatCount: seq, repeatDelta: 1, diamondCount: 1, diamonds: 1 }
      socket.send(JSON.stringify({ type, username: 'host', data, ts: '', replay: true, stream: 'ab', seq }))
      if (seq === 1) await until('the first', () => page.evaluate(() => drawn.length > 0))
      if (seq % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await page.getByText(last).waitFor()
    const drawn = await page.evaluate(() => globalThis.drawn)
    expect(drawn.length).toBeGreaterThan(1)
    const gaps = drawn.slice(1).map((began, index) => began - drawn[index])
    expect(gaps.filter((gap) => gap < DRAW_MS_MIN)).toEqual([])
    expect(visit.complaints).toEqual([])
  })
}

test('alerts: a streak is one alert with a rising count; `min` hides cheap gifts; follows and subscriptions', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'])
  const visit = await open(browser, example('overlays/alerts.html', { url: `${ws}/`, seconds: 60, min: 10, max: 5, shares: 0, sound: 0 }))
  await until('a reader', async () => (await ask(url, 'health')).clients > 0)
  await inject(url, { type: 'gift', user: 'poor', gift: 'Tiny', count: 1, diamonds: 1 })
  await inject(url, { type: 'gift', user: 'ann', gift: 'Rocket', count: 50, combo: true, diamonds: 10 })
  await visit.page.getByText('×50').waitFor()
  await inject(url, { type: 'share', user: 'bob' })
  await inject(url, { type: 'follow', user: 'bob' })
  await inject(url, { type: 'subscribe', user: 'eve', months: 3 })
  await visit.page.getByText('subscribed for 3 months').waitFor()
  const texts = (await visit.page.locator('.alert').allInnerTexts()).map((text) => text.trim().replaceAll(/\s+/g, ' '))
  expect(texts).toEqual(['ann sent Rocket ×50 500 💎', 'bob followed', 'eve subscribed for 3 months'])
})

test('client-example: connects, counts, filters, and shows errors with title and details', async () => {
  const mock = await serve(['mock', '--port', '0', '--scenario', scenario('not-found')])
  const { url, ws } = await serve(['serve', '--port', '0', '--upstream', mock.url])
  const visit = await open(browser, example('client-example.html'), { width: 900, height: 700 })
  const { page } = visit
  await page.locator('#url').fill('nonsense')
  await page.getByRole('button', { name: 'Connect' }).click()
  await page.getByText('Invalid URL', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Dismiss' }).click()
  expect(await page.locator('#error').isHidden()).toBe(true)
  await page.locator('#url').fill(`${ws}/`)
  await page.getByRole('button', { name: 'Connect' }).click()
  await page.getByText('connected', { exact: true }).waitFor()
  for (let number = 1; number <= 3; number += 1) await inject(url, { type: 'chat', user: 'ann', comment: `hello ${number}` })
  await inject(url, { type: 'gift', user: 'bob', gift: 'Rose', count: 2 })
  await page.getByText('ann: hello 3').waitFor()
  await page.getByText('bob sent Rose ×2').waitFor()
  const counters = (what) => until(what, async () => (await page.locator('#counters').innerText()).includes(what))
  await counters('4 received')
  await page.getByLabel('chat').uncheck()
  await counters('1 shown')
  expect(await page.getByText('ann: hello 3').isVisible()).toBe(false)
  await page.getByLabel('chat').check()
  // A user whom the mock does not know.
  expect((await fetch(`${url}/connect/nobody_of_this_name`, { method: 'POST' })).status).toBe(404)
  await page.locator('#error').waitFor()
  expect((await page.locator('#title').innerText()).length).toBeGreaterThan(3)
  expect((await page.locator('#details').innerText()).length).toBeGreaterThan(10)
  await visit.picture('client-example')
  await page.getByRole('button', { name: 'Disconnect' }).click()
  await page.getByText('not connected').waitFor()
  expect(visit.complaints).toEqual([])
  expect(visit.foreign(host(url))).toEqual([])
})

test('client-example: resumes after a break, reports a restarted server, and fits narrow dark windows', async () => {
  let server = await serve(['serve', '--port', '0'])
  const wire = await proxy(() => server.port)
  const visit = await open(browser, example('client-example.html', { url: `${wire.ws}/` }), { width: 360, height: 640 })
  const { page } = visit
  await page.emulateMedia({ colorScheme: 'dark' })
  const chat = (comment) => inject(server.url, { type: 'chat', user: 'ann', comment })
  const lines = () => page.locator('#feed li').allInnerTexts()
  await page.getByText('connected', { exact: true }).waitFor()
  await chat('one')
  await page.getByText('ann: one').waitFor()
  wire.cut()
  await chat('two')
  await page.getByText('ann: two').waitFor()
  expect(await lines()).toHaveLength(2)
  await server.stop('SIGKILL')
  await page.getByText('retrying in').waitFor()
  server = await serve(['serve', '--port', '0'])
  await page.getByText('The server restarted').waitFor()
  await chat('three')
  await page.getByText('ann: three').waitFor()
  expect(await lines()).toHaveLength(3)
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
  await visit.picture('client-example-dark')
  expect(visit.complaints.filter((line) => !isBroken(line))).toEqual([])
})

test('the README of the examples names every page and option', async () => {
  const readme = await readFile(new URL('../../../examples/README.md', import.meta.url), 'utf8')
  const shared = await readFile(new URL('../../../examples/overlays/overlay.js', import.meta.url), 'utf8')
  for (const name of Object.keys(OVERLAYS)) {
    expect(readme).toContain(`overlays/${name}.html`)
    const script = await readFile(new URL(`../../../examples/overlays/${name}.js`, import.meta.url), 'utf8')
    const defaults = [shared.match(/const options = \{(.+?)\.\.\./)[1], script.match(/optionsOf\(\{(.+?)\}\)/)[1]].join(',')
    for (const [, option] of defaults.matchAll(/(\w+): /g)) expect(readme).toContain(`\`${option}\``)
  }
})
