// The event list: all of its controls, strings that try to be more than text, and a flood of events.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { ask, until, withServer } from '../support/livetape.mjs'
import { JUDGES_TIMES, Visit, clipboard } from './page.mjs'
import { event, scripted } from './scripted.mjs'

/** By default, the list shows what people do, and how much else there is. The keys of the list work from anywhere on the page. */
async function people(browser, url) {
  const visit = await Visit.open(browser, url, { everything: false })
  const { page } = visit
  const chips = async () => Object.fromEntries(await page.locator('.filters .chip[class*=kind-]').evaluateAll((all) => all.map((chip) => [/kind-(\w+)/.exec(chip.className)[1], Number(chip.querySelector('.chip-count').textContent.replaceAll(',', ''))])))
  const rows = () => number(page.locator('.footer span').first())
  const sum = (groups, counts) => groups.reduce((sum, group) => sum + counts[group], 0)
  const ASIDE = ['viewers', 'other', 'unknown']
  const counts = await until('all rows', async () => (await chips()).source > 1 && chips())
  const others = sum(ASIDE, counts)
  assert.ok(others > 10)
  assert.equal(await rows(), sum(Object.keys(counts), counts) - others, 'rows of people, as many as the chips say')
  assert.deepEqual(await page.locator(ASIDE.map((group) => `article.kind-${group}`).join()).count(), 0)
  await page.locator('.chip.kind-gift').click()
  await until('rows of gifts', async () => (await rows()) === counts.gift)
  await page.getByRole('button', { name: 'People', exact: true }).click()
  await until('rows of people', async () => (await rows()) === sum(Object.keys(counts), counts) - others)
  await page.keyboard.press('ArrowUp')
  const last = page.locator('article:focus')
  await last.waitFor()
  assert.equal(await last.getAttribute('aria-posinset'), await last.getAttribute('aria-setsize'), 'the last row')
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await page.locator('.details').waitFor()
  await page.keyboard.press('Escape')
  await page.evaluate(() => document.activeElement.blur())
  await page.keyboard.press('Enter')
  await page.locator('.details pre', { hasText: 'disconnected' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: `+ ${others} others` }).click()
  await until('all rows', async () => (await rows()) === sum(Object.keys(counts), counts))
  await page.reload()
  await until('all rows after a reload', async () => (await rows()) === sum(Object.keys(counts), counts))
  await visit.leave()
}

const number = async (locator) => Number(/[\d,]+/.exec(await locator.innerText())[0].replaceAll(',', ''))

/** The fields of the message behind an event, beside its JSON. */
async function fields(visit, pictures) {
  const details = visit.page.locator('.details')
  const { id, type } = JSON.parse(await details.locator('pre').innerText())
  await details.getByRole('button', { name: 'Fields' }).click()
  await details.locator('.fields h4').first().waitFor()
  assert.match((await details.locator('.fields h4').allInnerTexts()).join(), /^Webcast\w+$/, `one message of the ${type}`)
  const rows = await details.locator('.fields li').allInnerTexts()
  assert.ok(rows.includes(`2 msg_id varint ${id.split('~')[0]}`), rows.slice(0, 9).join('\n'))
  assert.ok(await details.locator('.fields .odd', { hasText: 'not in the schema' }).count() > 0, 'fields without a name')
  await visit.axe()
  await visit.picture(pictures, 'fields')
  const only = details.getByRole('checkbox', { name: 'Only what is not as in the schema' })
  await only.check()
  await until('fewer fields', async () => (await details.locator('.fields li').count()) < rows.length)
  await only.uncheck()
  await visit.page.emulateMedia({ colorScheme: 'dark' })
  await visit.page.setViewportSize({ width: 390, height: 844 })
  await details.scrollIntoViewIfNeeded()
  await visit.axe()
  await visit.picture(pictures, 'fields-narrow')
  await visit.page.emulateMedia({ colorScheme: 'light' })
  await visit.page.setViewportSize({ width: 1440, height: 900 })
  // What no message of TikTok led to has none.
  await visit.page.locator('article[data-at="0"]').click()
  await details.getByText('livetape made this event').waitFor()
  await visit.page.locator('article[data-at="1"]').click()
  await details.locator('.fields li').first().waitFor()
  await details.getByRole('button', { name: 'JSON', exact: true }).click()
  await details.locator('pre', { hasText: id }).waitFor()
}

export async function feed({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', '100', '--wait-clients', '1'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    // The page is an observer, so the replay starts without it.
    await ask(url, 'replay/play', { method: 'POST' })
    await until('the end of the replay', async () => (await ask(url, 'replay')).state === 'ended')
    await page.locator('article').filter({ hasText: 'disconnected' }).waitFor()

    // Every event arrived, and the counts match the server's.
    const { counts } = await ask(url, 'status')
    const chip = (group) => number(page.locator(`.chip.kind-${group}`))
    const of = (...types) => types.reduce((sum, type) => sum + (counts.events[type] ?? 0), 0)
    assert.equal(await chip('chat'), of('chat', 'emote', 'caption', 'barrage', 'question'), 'chats')
    assert.equal(await chip('like'), of('like'), 'likes')
    // The gifts of a streak share a row.
    const gifts = await chip('gift')
    assert.ok(gifts > 50 && gifts < of('gift', 'envelope', 'goody_bag'), `${gifts} rows of gifts`)
    await people(browser, url)
    // Totals are polled: they may be older than the feed.
    await page.locator('.tile-value').nth(2).filter({ hasText: /^[1-9]/ }).waitFor()
    // One sample per second.
    await until('lines in the charts', async () => (await page.locator('.spark-line[d^="M"]').count()) >= 4)

    await page.locator('.stats dt', { hasText: 'Lateness' }).waitFor()
    // Reasons are opened by the page as they come: the last ones have to be there.
    await page.locator('.stats .facts-list div', { hasText: 'Frames' }).getByText(counts.frames.toLocaleString('en'), { exact: true }).waitFor()
    for (const summary of await page.locator('.stats summary').all()) {
      const isOpen = () => summary.evaluate(({ parentElement }) => parentElement.open)
      const before = await isOpen()
      await summary.click()
      assert.notEqual(await isOpen(), before, 'opened or closed')
    }

    // The goal and the battle, as their last events report them.
    const board = (name) => page.getByRole('list', { name }).locator('li').allInnerTexts()
    assert.match((await board(/^Goal: /)).join(), /^LIVE Fest Clappers\s+\d+ of 50$/)
    assert.deepEqual((await board('Battle, over')).map((line) => line.split(/\s*\n\s*/)).map((side) => side.at(-1)), ['2,958', '500'])

    // A streak is a single row, which counts up.
    await page.keyboard.press('/')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'search')
    await page.locator('#search').fill('sent rose')
    const streak = page.locator('article', { has: page.locator('.count', { hasText: /×([2-9]|\d\d)/ }) })
    await streak.first().waitFor()
    // A gift always looks the same.
    const rose = page.locator('article', { has: page.getByText('sent Rose', { exact: true }) }).locator('.gift[aria-hidden="true"]')
    const roses = await until('drawn roses', async () => {
      const drawn = await rose.evaluateAll((all) => all.map(({ innerHTML }) => innerHTML))
      return drawn.length > 1 && drawn
    })
    assert.equal(new Set(roses).size, 1, 'different pictures of a rose')
    await page.locator('#search').fill('no such thing')
    await page.getByText('No events match so far').waitFor()
    await page.locator('#search').press('Escape')

    // Filtering by type.
    const rows = () => number(page.locator('.footer span').first())
    const before = await until('all rows', async () => {
      const all = await rows()
      return all > 100 && all
    })
    await page.locator('.chip.kind-gift').click()
    await until('fewer rows', async () => (await rows()) < before)
    assert.deepEqual([...new Set(await page.locator('article').evaluateAll((all) => all.map(({ className }) => /kind-\w+/.exec(className)[0])))], ['kind-gift'], 'a chip shows only its events')
    await page.locator('.chip.kind-gift').click()
    await until('all rows', async () => (await rows()) === before)
    // Each, until all are chosen.
    for (const chip of await page.locator('.filters .chip[class*=kind-]').all()) await chip.click()
    await until('all kinds', async () => (await page.getByRole('button', { name: 'All', exact: true }).getAttribute('aria-pressed')) === 'true')
    await until('all rows again', async () => (await rows()) === before)
    // More than one; all but one; and all again.
    await page.locator('.chip.kind-other').click()
    await page.locator('.chip.kind-chat').click()
    await page.locator('.footer .filtered', { hasText: 'only Other, Chat' }).waitFor()
    await page.getByRole('button', { name: 'All', exact: true }).click()
    await page.locator('.chip.kind-other').click({ modifiers: ['Alt'] })
    await page.locator('.footer .filtered', { hasText: 'without Other' }).waitFor()
    await page.getByRole('button', { name: 'All', exact: true }).click()
    await until('all of the rows', async () => (await rows()) === before)

    // With the keyboard only: move to a row, open it, copy it.
    await page.locator('.list').focus()
    for (const [key, row] of [['Home', 0], ['ArrowDown', 1], ['ArrowUp', 0], ['PageDown', undefined], ['PageUp', 0]]) {
      await page.keyboard.press(key)
      if (row !== undefined) await page.locator(`article[data-at="${row}"]:focus`).waitFor()
    }
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    // The focus stays on the row, where escape closes the event.
    await page.locator('.details').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.details').waitFor({ state: 'detached' })
    await page.keyboard.press('Enter')
    await page.locator('.details pre', { hasText: '"type"' }).waitFor()
    await visit.axe()
    await visit.picture(pictures, 'feed')
    await fields(visit, pictures)
    await page.locator('.details select').selectOption('vitest')
    await page.locator('.details').getByRole('button', { name: 'Copy as test' }).click()
    await page.getByText('Copied the test').waitFor()
    assert.match(await clipboard(page), /startTape\(\{ recording: "demo", end: [\d.]+, /)
    await page.getByRole('button', { name: 'Copy JSON' }).click()
    await page.getByText('Copied 1 event').waitFor()
    const one = JSON.parse(await clipboard(page))
    assert.ok(one.type && one.data && one.seq > 0, 'one event was copied')
    await page.getByRole('button', { name: 'Close' }).click()
    await page.locator('.details').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Jump to newest' }).click()
    await page.locator(`article[aria-posinset="${await rows()}"]`).waitFor()

    await page.getByRole('button', { name: 'Copy as JSON' }).click()
    const copied = await until('all events to be copied', async () => {
      const lines = (await clipboard(page)).trim().split('\n')
      return lines.length > 100 && lines
    })
    assert.ok(copied.every((line) => JSON.parse(line).type), 'one event a line')

    // People have their nickname, and then their unique ID.
    const { sender, user: { nickname } } = copied.map((line) => JSON.parse(line).data).find(({ sender: id, user }) => user && user.nickname && user.nickname !== id)
    await page.locator('#search').fill(sender)
    const row = page.locator('article', { has: page.locator('.handle', { hasText: `@${sender}` }) }).first()
    assert.equal(await row.locator('.name').innerText(), nickname)
    await page.locator('#search').press('Escape')

    // While paused, new events are counted; they appear on resuming.
    await page.getByRole('button', { name: 'Pause list' }).click()
    await page.getByRole('button', { name: 'Resume list' }).click()
    await page.keyboard.press('p')
    await page.getByRole('button', { name: 'Resume list' }).waitFor()
    const inject = (body) => ask(url, 'inject', { method: 'POST', body: JSON.stringify({ user: 'late', ...body }) })
    // The replay has ended: nothing else arrives.
    await inject({ type: 'follow' })
    await page.getByRole('button', { name: '1 new event' }).click()
    await page.getByRole('button', { name: 'Pause list' }).waitFor()
    await page.getByRole('button', { name: 'Clear' }).click()
    await until('an empty list', async () => (await rows()) === 0)

    // What arrives while a cleared list is paused is counted, and is not called filtered out.
    await page.keyboard.press('p')
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.locator('.chip.kind-like').click({ modifiers: ['Alt'] })
    for (const more of [{ type: 'chat', comment: 'late' }, { type: 'follow' }, { type: 'like' }]) await inject(more)
    await page.getByText('The list is paused. New events appear when you resume it.').waitFor()
    await page.getByText('2 new events while paused').waitFor()
    await page.locator('.footer span', { hasText: '0 of 3 rows' }).waitFor()
    assert.equal(await page.getByText('No events match').count(), 0)
    await visit.picture(pictures, 'cleared')
    await visit.axe()
    await page.getByRole('button', { name: '2 new events' }).click()
    await page.locator('article', { hasText: 'followed the host' }).waitFor()
    await page.locator('.footer span', { hasText: '2 of 3 rows' }).waitFor()
    await page.locator('.chip.kind-like').click()
    await page.locator('.footer .filtered').waitFor({ state: 'detached' })

    // Themes.
    for (const wanted of ['light', 'dark', undefined]) {
      await page.getByRole('button', { name: /^Theme/ }).click()
      await until(`theme ${wanted}`, async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === wanted)
    }
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    await visit.axe()
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click()
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    await page.keyboard.press('Escape')
    // The link is the first stop in a page that was just loaded.
    await page.reload()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    // Skipped to the feed.
    await page.waitForURL(`${url}/#feed`)
    const asked = await visit.leave()
    return `${gifts} gifts and boxes, ${copied.length} rows copied, ${asked} requests, all to the server`
  })
}

const HOSTILE = {
  markup: '<img src=x onerror="document.title=1"><script>document.title=2</script>',
  direction: '\u202Egnp.exe \u2066\u2067evil\u202E',
  emoji: '👩‍👩‍👧‍👦'.repeat(10_000),
  lines: 'one\n\n\ttwo\r\nthree\u2028four\u0000five',
  long: 'W'.repeat(100_000),
}

export async function hostile({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '0'], async ({ url }) => {
    const server = await scripted(url, ({ send }, _query, visits) => {
      if (visits > 1) return
      let seq = 0
      for (const [name, text] of Object.entries(HOSTILE)) {
        const user = { userId: name, uniqueId: text, nickname: text, avatar: 'https://elsewhere.example/picture.png' }
        send(event((seq += 1), 'chat', { sender: text, comment: text, user }))
        send(event((seq += 1), 'gift', { sender: text, giftName: text, streakId: name, repeatCount: 1e15, diamonds: 5, user }))
        send(event((seq += 1), text, { sender: text, [text]: text }))
        send(event((seq += 1), 'error', { code: text, title: text, message: text, hint: text }))
      }
      for (const malformed of ['', '{', 'null', '[]', '7', '{"type":7,"data":{}}', '{"type":"chat"}', '{"type":"chat","data":null}', '{"type":"","data":{}}']) send(malformed)
      for (const odd of ['constructor', '__proto__', 'toString']) send(event((seq += 1), odd, { sender: odd, __proto__: null, comment: { deep: [1] } }))
      send(event((seq += 1), 'chat', { sender: 7, comment: ['no text'], user: 'none' }))
      send(event((seq += 1), 'goal', { description: 'W'.repeat(60), subGoals: [{ giftName: 'W'.repeat(60), progress: 1, target: 1e15 }] }))
      send(event((seq += 1), 'chat', { sender: 'last', comment: 'the end' }))
    })
    const visit = await Visit.open(browser, server.url)
    const { page } = visit
    await page.locator('article', { hasText: 'the end' }).waitFor()
    const stats = page.locator('.stats', { hasText: 'WWW' })
    await stats.waitFor()
    assert.deepEqual(await stats.evaluate((panel) => [...panel.querySelectorAll('*')].filter((it) => it.getBoundingClientRect().right > panel.getBoundingClientRect().right).length), 0, 'a long word stays in the panel')
    await page.getByText('9 malformed messages skipped').waitFor()
    assert.equal(await page.title(), 'livetape', 'no script ran')
    assert.equal(await page.locator('.list img, .list script, .snackbar img').count(), 0, 'markup stayed text')
    const markup = page.locator('article', { hasText: '<img src=x' }).first()
    assert.equal(await markup.locator('bdi.name').innerText(), HOSTILE.markup, 'shown verbatim')
    const time = (await page.locator('article', { hasText: 'evil' }).first().innerText()).split('\n')[0]
    assert.match(time, /^\d\d:\d\d:\d\d\.\d{3}$/, 'the writing direction of a name stays inside it')
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
    assert.ok(widths[0] <= widths[1], `the page grew to ${widths}`)
    const heights = await page.locator('article').evaluateAll((all) => [...new Set(all.map((line) => line.offsetHeight))])
    assert.equal(heights.length, 1, 'all rows have the same height')
    await page.locator('article', { hasText: '👩‍👩‍👧‍👦' }).first().click()
    await page.locator('.details pre', { hasText: '👩‍👩‍👧‍👦' }).waitFor()
    await visit.axe()
    await visit.picture(pictures, 'hostile')
    await visit.leave()
    await server.stop()
    return `${Object.keys(HOSTILE).length} strings as names, gifts, types and failures; 9 malformed messages counted`
  })
}

/** Where the feed resumes, and which losses it reports. */
export async function resume({ browser, livetape }) {
  return withServer(livetape, ['serve', '0'], async ({ url }) => {
    const chat = (seq, stream) => event(seq, 'chat', { sender: 'ann', comment: `number ${seq} of ${stream ?? 'a'}` }, stream)
    const B = 'bbbbbbbbbbbbbbbb'
    const observers = []
    const server = await scripted(url, ({ send, close }, query, visits) => {
      observers.push(query.get('observer'))
      if (visits === 1) {
        ;[1, 2, 3].forEach((seq) => send(chat(seq)))
        close(4101, 'slow_consumer')
      } else if (visits === 2) {
        send({ type: 'gap', from: 4, to: 8 })
        send(chat(9))
        close(4101, 'slow_consumer')
      } else if (visits === 3) {
        close(4001, 'unknown_position')
      } else if (visits === 4) {
        send(chat(1, B))
        close(1008, 'refused')
      } else {
        send(chat(2, B))
      }
    })
    const visit = await Visit.open(browser, server.url, { ready: false })
    const { page } = visit
    await page.locator('.link-over').waitFor()
    await page.getByText('5 events lost').waitFor()
    await page.getByText('1 interruption; events may be missing').waitFor()
    await page.locator('article', { hasText: 'events 4 to 8 are no longer in the server’s backlog' }).waitFor()
    await page.locator('article', { hasText: 'the server restarted' }).waitFor()
    await page.getByRole('button', { name: 'Reconnect' }).click()
    await page.locator('article', { hasText: `number 2 of ${B}` }).waitFor()
    const A = 'aaaaaaaaaaaaaaaa'
    assert.deepEqual(server.asked, ['0', `${A}:3`, `${A}:9`, '0', `${B}:1`], 'positions')
    assert.deepEqual(observers, Array(5).fill('1'), 'always an observer')
    await visit.leave()
    await server.stop()
    return server.asked.join(', ')
  })
}

/** Events of a flood, in which the page stays smooth and its memory bounded. */
const EVENTS = 100_000
/** Limits of the time between frames, in ms: the page may skip frames, but not freeze. */
const [GAP_P50_MS_MAX, GAP_P99_MS_MAX] = [50, 400]

/** Runs in the page: scrolls around until enough events have arrived, and measures the time between frames. */
const watch = (events) =>
  new Promise((resolve) => {
    const list = document.querySelector('.list')
    const gaps = []
    let started
    let last
    const frame = (now) => {
      const seq = Number(document.querySelector('.footer code')?.innerText.split(':')[1] ?? 0)
      if (started !== undefined) gaps.push(now - last)
      else if (seq > 1) started = now
      last = now
      // Scrolls up for a while, then stays at the end, while rows are added and removed.
      if (gaps.length % 200 < 100) list.scrollBy(0, -700)
      else if (gaps.length % 200 < 120) list.scrollTop = list.scrollHeight
      if (seq < events) requestAnimationFrame(frame)
      else resolve({ gaps: gaps.sort((a, b) => a - b), seconds: (now - started) / 1000, seq })
    }
    requestAnimationFrame(frame)
  })

export async function busy({ browser, livetape, pictures }) {
  return withServer(livetape, ['mock', '--port', '0'], async ({ cwd }) => {
    await promisify(execFile)(livetape, ['synth', '--seed', '7', '--size', '30MB', '-o', 'recordings/big.bin'], { cwd })
    const args = ['replay', 'recordings/big.bin', '--port', '0', '--speed', 'max', '--loop', '--wait-clients', '1']
    return withServer(livetape, args, async ({ url }) => {
      const visit = await Visit.open(browser, url, { watched: false })
      const { page } = visit
      const watching = page.evaluate(watch, EVENTS)
      // The replay starts with its first client, which filters out everything: the page is an observer and does not count. The page is
      // left alone meanwhile, because a watched socket would slow it down.
      const leave = new AbortController()
      const second = await fetch(new URL('events?types=poll', url), { signal: leave.signal })
      const { gaps, seconds, seq } = await watching
      leave.abort()
      await second.body?.cancel().catch(() => undefined)
      await ask(url, 'replay/pause', { method: 'POST' })
      const at = (part) => gaps[Math.floor((gaps.length - 1) * part)]
      const drawn = await page.locator('article').count()
      assert.ok(drawn > 0 && drawn < 120, `${drawn} rows are drawn`)
      assert.ok(gaps.length > 20, 'frames were measured')
      assert.ok(at(0.5) > 0)
      if (JUDGES_TIMES) {
        assert.ok(at(0.5) < GAP_P50_MS_MAX, `the median time between frames is ${at(0.5).toFixed(1)} ms`)
        assert.ok(at(0.99) < GAP_P99_MS_MAX, `the 99th percentile between frames is ${at(0.99).toFixed(1)} ms`)
      }
      const held = await number(page.locator('.footer span').first())
      assert.ok(held > 0 && held <= 100_000, `${held} rows are stored`)

      // All rows can be reached and searched.
      await page.locator('.list').focus()
      await page.keyboard.press('Home')
      await page.locator('article[data-at="0"]').waitFor()
      await page.keyboard.press('End')
      await page.locator('#search').fill('sent')
      await page.locator('article').first().waitFor()
      await visit.picture(pictures, 'busy')
      await visit.leave()
      return `${seq} events at ${Math.round(seq / seconds)}/s, ${held} rows stored, ${drawn} drawn; ${gaps.length} frames: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`
    }, { cwd })
  })
}
