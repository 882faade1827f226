// What a streamer puts on air: sounds, streaks, motion, names in every script, and mistaken options.

import { readFile } from 'node:fs/promises'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { until } from '../../../tests/support/livetape.mjs'
import { scripted, serve } from './given.mjs'
import { BACKDROP, example, launch, open } from './pages.mjs'

const OVERLAYS = ['alerts', 'chat', 'goal', 'leaderboard', 'battle', 'viewers']
/** Names that break a layout or the order of their neighbours. */
const NAMES = ['李小龙在直播间', 'مرحبا بالعالم!', '👩‍👩‍👧‍👦 family', 'さくら🌸', 'שלום abc 123', 'W'.repeat(40), 'Ann']
const OPTIONS = {
  alerts: { sound: 0, seconds: 60, max: 7 },
  chat: { max: 7 },
  goal: { goal: 100, title: 'مرحبا! goal' },
  leaderboard: { max: 7, title: 'מתנות (top)' },
  battle: {},
  viewers: { total: 1 },
}
const TEXTS = ['你好，主播今天唱什么歌？', 'أهلا وسهلا hello (abc) 123!', '🎉🎉 <b>bold</b>', 'こんにちは、元気ですか', 'ok', 'x'.repeat(150), 'plain']

/** Starts a feed without a server, for tests that choose every event: `send` broadcasts an event, `show` opens an overlay that reads it. */
async function feedOf(browser) {
  const server = await scripted()
  let seq = 0
  const send = (type, data) => {
    const text = JSON.stringify({ type, username: 'host', data, ts: '', replay: true, stream: 'ab', seq: (seq += 1) })
    server.sockets.forEach((socket) => socket.send(text))
  }
  const gift = (streak, more = {}) => {
    const data = { sender: 'ann', giftName: 'Rose', repeatCount: 1, repeatDelta: 1, diamondCount: 1, isFinal: true, streakId: streak, ...more }
    send('gift', { ...data, diamonds: data.diamondCount * data.repeatDelta })
  }
  /** Opens an overlay that reads this feed. */
  const show = async (name, options = {}, size = {}) => {
    const readers = server.seen.length
    const visit = await open(browser, example(`overlays/${name}.html`, { url: server.ws, ...options }), { backdrop: BACKDROP, ...size })
    if (!('url' in options)) await until('a reader', () => server.seen.length > readers)
    return visit
  }
  return { send, gift, show, close: server.close, host: new URL(server.ws).host }
}

let browser
beforeAll(async () => (browser = await launch()))
afterAll(() => browser.close())

test('alerts: one sound at a time, also after a click that lets the page play sounds', async () => {
  const source = await feedOf(browser)
  const visit = await source.show('alerts', { seconds: 1 })
  const { page } = visit
  await page.evaluate(() => {
    globalThis.tones = []
    const start = OscillatorNode.prototype.start
    OscillatorNode.prototype.start = function (at) {
      tones.push({ at })
      return start.call(this, at)
    }
    // The clock of sounds falls behind on a busy machine.
    Object.defineProperty(BaseAudioContext.prototype, 'currentTime', { get: () => 1 })
    // As in a browser that waits for a click before it plays sounds.
    const resume = AudioContext.prototype.resume
    const clicked = new Promise((resolve) => (globalThis.click = resolve))
    AudioContext.prototype.resume = function () {
      return clicked.then(() => resume.call(this))
    }
  })
  for (let number = 0; number < 4; number += 1) source.gift(`s ${number}`, { giftName: `Gift ${number}` })
  await page.getByText('Gift 3').waitFor()
  expect(await page.evaluate(() => tones.length)).toBe(0)
  await page.evaluate(() => click())
  await page.waitForFunction(() => tones.length === 2)
  for (let number = 4; number < 7; number += 1) source.gift(`s ${number}`, { giftName: `Gift ${number}` })
  await page.getByText('Gift 6').waitFor()
  await page.waitForFunction(() => tones.length === 8)
  const tones = await page.evaluate(() => globalThis.tones)
  // A sound is two tones and ends within 0.6 s.
  const sounds = tones.filter((_, index) => index % 2 === 0).map(({ at }) => at)
  for (const [index, at] of sounds.entries()) if (index > 0) expect(at - sounds[index - 1]).toBeGreaterThan(0.59)
  expect(visit.complaints).toEqual([])
})

test('alerts: a streak is one alert that counts up, and a late gift of it is not a second alert', async () => {
  const source = await feedOf(browser)
  const visit = await source.show('alerts', { sound: 0, seconds: 1 })
  const { page } = visit
  await page.evaluate(() => {
    globalThis.texts = []
    new MutationObserver(() => texts.push(document.querySelector('#alerts').innerText)).observe(document.querySelector('#alerts'), { childList: true, characterData: true, subtree: true })
  })
  for (let count = 1; count <= 20; count += 1) {
    source.gift('streak', { repeatCount: count, isFinal: count === 20 })
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  await page.getByText('×20').waitFor()
  await page.locator('.alert').waitFor({ state: 'detached' })
  source.gift('streak', { repeatCount: 21 })
  source.gift('other', { giftName: 'Rocket' })
  await page.getByText('Rocket').waitFor()
  const shown = (await page.evaluate(() => globalThis.texts)).map((text) => text.replaceAll(/\s+/g, ' '))
  const counts = shown.filter((text) => /Rose ×/.test(text)).map((text) => Number(/×(\d+)/.exec(text)[1]))
  expect(counts.toSorted((a, b) => a - b)).toEqual(counts)
  expect(counts.at(-1)).toBe(20)
  expect(new Set(counts).size).toBeGreaterThan(3)
})

test('nothing moves with reduced motion, and no animation repeats more than three times a second', async () => {
  const source = await feedOf(browser)
  const css = await readFile(new URL('../../../examples/overlays/overlay.css', import.meta.url), 'utf8')
  for (const name of OVERLAYS) {
    const visit = await source.show(name, name === 'goal' ? { goal: 10 } : name === 'alerts' ? { sound: 0 } : {})
    const { page } = visit
    // Half a period, back and forth, of every animation that repeats.
    const halves = await page.evaluate((css) => {
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(css)
      return [...sheet.cssRules].filter((rule) => Number(rule.style?.animationIterationCount) > 1).map((rule) => parseFloat(rule.style.animationDuration))
    }, css)
    expect(halves).not.toEqual([])
    for (const seconds of halves) expect(seconds * 2).toBeGreaterThan(1 / 3)
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await page.evaluate(() => {
      globalThis.moved = []
      for (const kind of ['animationstart', 'transitionrun']) document.addEventListener(kind, ({ target }) => moved.push(`${kind} ${target.className}`))
    })
    source.gift(`of ${name}`, { repeatCount: 20, repeatDelta: 20 })
    source.send('chat', { sender: 'ann', comment: 'hello' })
    source.send('room_user', { viewerCount: 5 })
    source.send('battle', battleOf(NAMES[0], NAMES[1]))
    await page.waitForFunction(() => overlayClient.getStats().events > 0)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect([name, await page.evaluate(() => [moved, document.getAnimations().length])]).toEqual([name, [[], 0]])
    await visit.close()
  }
})

/** A battle between hosts of these names. */
const battleOf = (...names) => ({ battleId: '1', action: 4, startedAt: '2026-01-01T00:00:00Z', timestamp: '2026-01-01T00:00:10Z', durationSeconds: 300, users: names.map((nickname, index) => ({ userId: `${index}`, uniqueId: `host${index}`, nickname, points: 1_234_567 * (index + 1) })) })

for (const [width, look] of [[1440, 'card'], [360, 'card'], [360, 'plain']]) {
  test(`names and texts of every script stay in their place at ${width} pixels, ${look}`, async () => {
    const source = await feedOf(browser)
    for (const name of OVERLAYS) {
      const visit = await source.show(name, { look, ...OPTIONS[name] }, { width, height: 480 })
      const { page } = visit
      for (const [index, nickname] of NAMES.entries()) {
        const user = { userId: `${index}`, uniqueId: `user${index}`, nickname }
        source.send('chat', { sender: user.uniqueId, user, comment: TEXTS[index] })
        source.gift(`${name} ${index}`, { sender: user.uniqueId, user, giftName: ['バラ', 'وردة', 'Rose'][index % 3], repeatCount: 5 + index, repeatDelta: 5 + index, diamondCount: index < 2 ? 1 : 20 })
        source.send('room_user', { viewerCount: 1_234_567, totalUserCount: 98_765_432 })
        source.send('battle', battleOf(nickname, NAMES.at(-2)))
      }
      await until('events', () => page.evaluate(() => overlayClient.getStats().events > 0))
      await new Promise((resolve) => setTimeout(resolve, 500))
      await page.waitForFunction(() => document.getAnimations().length === 0)
      await visit.picture(`air-${name}-${width}-${look}`)
      expect([name, await page.evaluate(misplaced)]).toEqual([name, { wide: false, outside: [], swapped: [], undirected: 0, markup: 0 }])
      expect(visit.complaints).toEqual([])
      expect(visit.foreign(source.host)).toEqual([])
      await visit.close()
    }
  })
}

/** Runs in a page: finds texts that are cut off, in the wrong order, or not plain text. */
const misplaced = () => {
  // Without padding, in which shadows are drawn.
  const box = (element) => {
    const range = document.createRange()
    range.selectNodeContents(element)
    return range.getBoundingClientRect()
  }
  // Each name is on the left of the text that follows it, whatever its own direction.
  const isSwapped = (it) => box(it).left < box(it.previousElementSibling).left && box(it).top < box(it.previousElementSibling).bottom
  return {
    wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
    outside: [...document.querySelectorAll('.name, .text, .count, .sum, .points, #viewers, #numbers')].filter((it) => it.getBoundingClientRect().right > innerWidth + 1).map((it) => it.textContent),
    swapped: [...document.querySelectorAll('.name + *')].filter(isSwapped).map((it) => it.textContent),
    undirected: [...document.querySelectorAll('.name, .text')].filter((it) => it.dir !== 'auto').length,
    markup: document.querySelectorAll('#lines b').length,
  }
}

test('alerts: the picture of a gift depends on its name only', async () => {
  const source = await feedOf(browser)
  const visit = await source.show('alerts', { sound: 0 })
  const paint = (name) => visit.page.evaluate((name) => globalThis.eval(`paint(${JSON.stringify(name)})`).innerHTML, name)
  const [rose, rocket, again] = [await paint('Rose'), await paint('Rocket'), await paint('Rose')]
  expect(rose).toBe(again)
  expect(rose).not.toBe(rocket)
  expect(rose).not.toMatch(/href|url|image/)
  expect(visit.foreign(source.host)).toEqual([])
})

test('mistaken options are ignored with a message that disappears; an address that is not one is refused', async () => {
  const source = await feedOf(browser)
  const mistakes = { size: '1e', colour: 'url(https://evil.example/x.png)', font: 'x;background:url(//evil.example)', align: 'middle', seconds: '-1', max: '1000000', status: 'yes', colr: 'red', '<img src=x>': '<b>' }
  const visit = await source.show('chat', mistakes)
  const { page } = visit
  const message = page.locator('.mistakes')
  await message.waitFor()
  const text = await message.innerText()
  for (const part of ['size=1e is not a number from 8 to 200', 'colour=url(https://evil.example/x.png) is not valid in CSS', 'align=middle is not one of start, center, end']) expect(text).toContain(part)
  expect(await page.evaluate(() => [getComputedStyle(document.body).fontSize, getComputedStyle(document.body).color, document.querySelectorAll('.mistakes b, .mistakes img').length])).toEqual(['24px', 'rgb(255, 255, 255)', 0])
  await visit.picture('air-mistakes')
  source.send('chat', { sender: 'ann', comment: 'still works' })
  await page.getByText('still works').waitFor()
  expect(visit.foreign(source.host)).toEqual([])
  await visit.close()
  for (const url of ['nonsense', 'https://evil.example/', 'javascript:alert(1)', '//evil.example']) {
    const refused = await source.show('goal', { url, count: 'votes' })
    expect(await refused.page.locator('.mistakes').innerText()).toContain('is not a ws:// or wss:// address')
    expect(await refused.page.locator('.mistakes').innerText()).toContain('count=votes is not one of diamonds')
    expect(refused.foreign()).toEqual([])
    expect(refused.complaints).toEqual([])
    await refused.close()
  }
})

test('a served overlay only shows events of its server, and says so; unknown types are reported', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'])
  const visit = await open(browser, `${url}/overlays/chat.html?url=ws://evil.example/`)
  await visit.page.getByText('url=ws://evil.example/ is refused').waitFor()
  await visit.page.getByText(`copy a new link from ${url}/overlays/`).waitFor()
  await visit.close()
  const typo = await open(browser, `${url}/overlays/chat.html?url=${ws}/&types=chats`)
  await typo.page.locator('.mistakes').waitFor()
})
