// The page of `livetape test --html`: a file without a server, which says the same without its script and on paper.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { serveFolder } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

const BOT = fileURLToPath(new URL('../bots/planted.mjs', import.meta.url))
const [WIDE, NARROW] = [1440, 390]

/** Writes the report of a bot with a bug. */
async function test(livetape, bug, ...args) {
  const env = { ...process.env, BUG: bug }
  return new Promise((resolve) => {
    execFile(livetape, ['test', 'demo', ...args, '--', 'node', BOT], { env }, (error) => resolve(error?.code ?? 0))
  })
}

/** Timelines of failed cases. */
export async function report({ browser, livetape, pictures }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-report-'))
  const file = path.join(folder, 'report.html')
  const cases = ['plain', 'no-final', 'names', 'unauthorized'].flatMap((name) => ['--case', name])
  const code = await test(livetape, 'sum_of_repeat_count', ...cases, '--html', file, '--expect', 'diamonds: {diamonds}', '--expect', 'gifts: {gifts}')
  assert.equal(code, 1, 'the bot is wrong')
  const server = await serveFolder(folder)
  try {
    for (const [width, scheme] of [[WIDE, 'light'], [NARROW, 'dark']]) {
      const visit = await Visit.open(browser, server.url, { path: '/report.html', width, scheme, ready: false, watched: false })
      const { page } = visit
      const asked = []
      page.on('request', (request) => asked.push(request.url()))
      await page.locator('summary', { hasText: 'The same as a table' }).first().click()
      await visit.axe()
      const wider = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      assert.equal(await wider(), 0, 'nothing is cut off')
      const scroll = page.locator('.scroll').first()
      const plot = () => scroll.evaluate(({ scrollLeft, scrollWidth, clientWidth }) => ({ middle: (scrollLeft + clientWidth / 2) / scrollWidth, by: scrollWidth / clientWidth }))
      assert.equal((await plot()).by, 1)
      // Times below the timeline, and those of them in view.
      const times = () => page.locator('.axis').first().evaluate((axis) => {
        const [{ left, right }, labels] = [axis.closest('.scroll').getBoundingClientRect(), [...axis.children]]
        const seen = labels.map((label) => label.getBoundingClientRect()).filter((box) => box.left >= left && box.right <= right)
        return { all: labels.length, seen: seen.length }
      })
      assert.deepEqual(await times(), { all: 5, seen: 5 })
      await page.getByRole('button', { name: 'Zoom in' }).first().click()
      assert.equal((await plot()).by, 2)
      assert.equal((await times()).all, 9)
      await page.getByRole('button', { name: 'Zoom out' }).first().click()
      assert.equal((await plot()).by, 1)
      const begin = page.getByRole('button', { name: 'Show where it began' }).first()
      const [from, to] = await begin.evaluate(({ dataset }) => [dataset.from / 1000, dataset.to / 1000])
      await begin.click()
      const { by, middle } = await plot()
      assert.ok(by > 1 && to - from < 1 / by && (Math.abs(middle - (from + to) / 2) < 0.01 || from < 0.04), `${middle} is between ${from} and ${to}`)
      assert.ok((await times()).seen >= 4, 'times can be read at any zoom')
      assert.equal(await wider(), 0, 'only the timeline scrolls')
      await page.screenshot({ path: path.join(pictures, `report-${width}.png`), fullPage: true })
      assert.deepEqual(asked, [], 'it loads nothing')
      await visit.close()
    }
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`file://${file}`)
    assert.equal(await page.getByRole('button').count(), 0, 'nothing offers what needs a script')
    const row = page.locator('.moments tr', { hasText: 'printed: diamonds' }).first()
    assert.equal(await row.isVisible(), false)
    await page.emulateMedia({ media: 'print' })
    assert.ok(await row.isVisible(), 'paper has everything')
    await page.emulateMedia({ media: 'screen' })
    await page.locator('summary', { hasText: 'The same as a table' }).first().click()
    assert.ok(await row.isVisible())
    await context.close()
    return 'timelines'
  } finally {
    server.close()
    await rm(folder, { recursive: true })
  }
}
