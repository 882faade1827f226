// The dashboard as a place to work: what stays in view, panes that can be resized, a marked range, and the moment below the pointer; by mouse and by keyboard.

import assert from 'node:assert/strict'

import { ask, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'
import { barAt } from './transport.mjs'

/** The list has at least this many rows in windows of this height, in CSS pixels. */
const [ROWS_MIN, HEIGHT] = [12, 900]
/** More clients than any list shows at once. */
const CLIENTS = 30
/** Where sizes of panes are stored. */
const STORED = 'livetape.panes'

/** Runs in the page: how many rows the list has space for. */
const rowsOf = () => {
  const list = document.querySelector('.list')
  return list.clientHeight / Number.parseFloat(getComputedStyle(list).getPropertyValue('--row'))
}

/** Runs in the page: the element with the focus, if nothing marks it. */
const isMarked = () => {
  const element = document.activeElement
  const { outlineStyle, outlineWidth } = getComputedStyle(element)
  return element === document.body || (outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1) ? '' : element.outerHTML.slice(0, 120)
}

export async function panes({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0'], async ({ url, ws }) => {
    const visit = await Visit.open(browser, url, { height: HEIGHT })
    const { page } = visit
    const button = (name) => page.getByRole('button', { name, exact: true })
    await page.locator('.legend').waitFor()
    await button('Pause replay (space)').click()

    // However many clients there are, the list keeps its rows, and the page fits the window.
    await page.evaluate(([feed, count]) => {
      globalThis.clients = Array.from({ length: count }, (_, at) => new WebSocket(`${feed}?name=overlay-${at}`))
    }, [ws, CLIENTS])
    await button(`${CLIENTS} clients`).click()
    await page.locator('.clients li').nth(CLIENTS - 1).waitFor({ state: 'attached' })
    const slider = page.getByRole('slider')
    const box = await slider.boundingBox()
    const at = (part) => [box.x + box.width * part, box.y + box.height / 2]
    const drag = async (from, to) => {
      await page.mouse.move(...from)
      await page.mouse.down()
      await page.mouse.move(...to, { steps: 5 })
      await page.mouse.up()
    }
    await page.keyboard.down('Shift')
    await drag(at(0.5), at(0.6))
    await page.keyboard.up('Shift')
    await page.locator('.bar-shown').waitFor()
    for (const width of [1440, 1280, 1040, 900, 390]) {
      await page.setViewportSize({ width, height: HEIGHT })
      const rows = await page.evaluate(rowsOf)
      assert.ok(rows >= ROWS_MIN, `${rows} rows in a window of ${width} × ${HEIGHT}`)
      const [grown, tall] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight])
      assert.ok(grown <= width && (width < 1040 || tall <= HEIGHT), `the page has ${grown} × ${tall} in ${width} × ${HEIGHT}`)
      await visit.picture(pictures, `panes-${width}`)
    }
    await visit.axe()
    await page.setViewportSize({ width: 1440, height: HEIGHT })

    // Where everything is stays with the list.
    const line = page.locator('.playhead-line')
    await line.getByText('Paused').waitFor()
    await line.getByText(`${CLIENTS} clients: all up to date`).waitFor()
    const { offsetMs } = await ask(url, 'replay')
    await line.getByText(`0:${String(Math.floor(offsetMs / 1000)).padStart(2, '0')}.${Math.floor(offsetMs / 100) % 10}`).waitFor()
    await line.locator('.at-event.current .type').waitFor()

    // A range that was marked with shift narrows the list, and moves no replay.
    const chip = page.getByRole('button', { name: /^only / })
    assert.equal(await chip.getAttribute('aria-pressed'), 'true')
    assert.deepEqual([(await ask(url, 'replay')).laps, (await ask(url, 'replay')).offsetMs], [1, offsetMs], 'the replay stands still')
    await page.getByText('Nothing of the marked range has played in this lap').waitFor()
    await button('Deselect the bar').click()
    await chip.waitFor({ state: 'detached' })
    // With keys: from one event to another. The list has exactly the rows between them.
    const press = (key) => page.keyboard.press(key)
    const offset = async () => (await ask(url, 'replay')).offsetMs
    await page.locator('body').click({ position: { x: 5, y: 400 } })
    const from = await offset()
    await press('[')
    await press('ArrowRight')
    await until('five seconds', async () => (await offset()) === from + 5000)
    await button('Play replay (space)').click()
    await until('some seconds', async () => (await offset()) > from + 9000)
    await button('Pause replay (space)').click()
    await until('a pause', async () => (await ask(url, 'replay')).state === 'paused')
    await press(']')
    await page.locator('.range-bar', { hasText: / – / }).waitFor()
    await page.locator('.footer .filtered').waitFor()
    const times = await until('the rows of the range', async () => {
      const all = await page.locator('article time').allInnerTexts()
      return all.length > 1 && all
    })
    const ms = (time) => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1000
    const to = await offset()
    assert.ok(times.every((time) => ms(time) >= Math.floor(from / 100) * 100 && ms(time) <= to), `${times} are in ${from} – ${to}`)
    const narrowed = await page.locator('.footer span').first().innerText()
    await chip.click()
    await until('all rows', async () => (await page.locator('.footer span').first().innerText()) !== narrowed)
    await chip.click()
    await page.locator('.footer .filtered').waitFor()
    await button('Loop it').click()
    await until('a loop', async () => (await ask(url, 'replay')).laps === null)
    await button('Stop looping the range').click()
    await until('its end', async () => (await ask(url, 'replay')).laps === 1)

    // The moment below the pointer: the time, what happens there, and the nearest event, which has not played.
    await page.mouse.move(...(await until('a bar', () => page.evaluate(barAt))))
    const moment = page.locator('.moment')
    await moment.getByText(/^Nearest event, at 3:2\d\.\d$/).waitFor()
    assert.match(await moment.innerText(), /^3:2\d\.\d/)
    await moment.locator('.bar-count').first().waitFor()
    await visit.picture(pictures, 'moment')
    await visit.axe()
    await page.mouse.move(5, 400)
    await moment.waitFor({ state: 'detached' })

    // Panes: with the mouse, with keys, and after a reload.
    await page.locator('article').first().click()
    await page.locator('.details').waitFor()
    const size = (pane, is) => page.locator(`.${pane}`).first().evaluate((element, wide) => Math.round(element.getBoundingClientRect()[wide ? 'width' : 'height']), is)
    const sizes = {}
    for (const [pane, isWide, name, keys] of [['side', true, 'Width of the panels at the side', ['ArrowLeft', 'ArrowRight']], ['details', true, 'Width of the details', ['ArrowLeft', 'ArrowRight']], ['timeline', false, 'Height of the timeline', ['ArrowDown', 'ArrowUp']]]) {
      const separator = page.getByRole('separator', { name })
      const before = await size(pane, isWide)
      const { x, y, width, height } = await separator.boundingBox()
      const [here, by] = [[x + width / 2, y + height / 2], isWide ? [-40, 0] : [0, 40]]
      await drag(here, [here[0] + by[0], here[1] + by[1]])
      assert.equal(await size(pane, isWide), before + 40, `${pane} after a drag`)
      await separator.focus()
      for (const key of ['Shift+Tab', 'Tab']) await press(key)
      assert.equal(await page.evaluate(isMarked), '', 'the focus is visible')
      for (const [key, wanted] of [[keys[0], before + 56], [keys[1], before + 40]]) {
        await press(key)
        await until(`${pane} after ${key}`, async () => (await size(pane, isWide)) === wanted)
      }
      await until(`the value of ${pane}`, async () => Number(await separator.getAttribute('aria-valuenow')) === before + 40)
      sizes[pane] = before
    }
    assert.equal(await offset(), to, 'keys that resize do not seek')
    await visit.axe()
    await visit.picture(pictures, 'resized')
    await page.reload()
    await page.locator('.legend').waitFor()
    await page.locator('article').first().click()
    for (const [pane, isWide] of [['side', true], ['details', true], ['timeline', false]]) assert.equal(await size(pane, isWide), sizes[pane] + 40, `${pane} after a reload`)
    await page.getByRole('separator', { name: 'Width of the panels at the side' }).press('Enter')
    await until('the first width', async () => (await size('side', true)) === sizes.side)
    // As wide as possible, the list is still there; damaged sizes are ignored.
    for (const stored of ['{"side":1e9,"details":1e9,"timeline":1e9}', '{"side":"wide","details":', '[7]', '{"side":null,"details":-1}']) {
      await page.evaluate(([key, value]) => localStorage.setItem(key, value), [STORED, stored])
      await page.reload()
      await page.locator('article').first().waitFor()
      const [rows, wide] = await page.evaluate(() => [document.querySelector('.list').clientHeight, document.querySelector('.list').clientWidth])
      assert.ok(rows > 300 && wide > 300, `the list has ${wide} × ${rows} with ${stored}`)
    }
    await page.evaluate((key) => localStorage.removeItem(key), STORED)
    await page.reload()
    await page.locator('.legend').waitFor()

    // Every stop of the tab key is visible and marked, and all parts of the page are reached.
    const reached = new Set()
    for (let stop = 0; stop < 120 && !reached.has('recordings'); stop += 1) {
      await press('Tab')
      assert.equal(await page.evaluate(isMarked), '', 'the focus is visible')
      for (const part of ['source', 'transport', 'feed', 'connect-panel', 'inject', 'recordings']) {
        if (await page.evaluate((name) => document.activeElement.closest(`.${name}`) !== null, part)) reached.add(part)
      }
    }
    assert.deepEqual([...reached].sort(), ['connect-panel', 'feed', 'inject', 'recordings', 'source', 'transport'])
    await visit.leave()
    return `${ROWS_MIN} rows or more at five widths with ${CLIENTS} clients; three panes; a range by mouse and keys; the nearest event`
  })
}
