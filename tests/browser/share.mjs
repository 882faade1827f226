// The page that `livetape share` writes: from disk without a network, from a server, and without scripts.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

import { recording, serveFolder } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

const run = promisify(execFile)

/** Totals in the page, by name. */
const totalsOf = (page) => page.locator('[data-total]').evaluateAll((cells) => Object.fromEntries(cells.map((cell) => [cell.dataset.total, Number(cell.textContent.replaceAll(',', ''))])))

/** Seconds at which the page stands. */
async function secondsOf(page) {
  const [minutes, seconds] = (await page.locator('#time').innerText()).split(' / ')[0].split(':')
  return 60 * minutes + Number(seconds)
}

/** Plays, seeks by pointer and keys, and saves the recording, which has the same totals. */
async function plays({ browser, livetape, pictures, folder, file }) {
  const visit = await Visit.open(browser, file, { path: '', ready: false, offline: true })
  const { page } = visit
  const alert = page.frameLocator('#overlay').locator('.alert .name')
  await page.locator('.plays').waitFor()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save show.bin' }).click()])
  const saved = path.join(folder, 'show.bin')
  await download.saveAs(saved)
  const truth = JSON.parse((await run(livetape, ['info', saved, '--totals', '--json'])).stdout)
  const whole = await totalsOf(page)
  assert.ok(whole.diamonds > 0)
  for (const [name, total] of Object.entries(whole)) assert.equal(total, truth[name], name)
  await visit.picture(pictures, 'share-poster')

  await page.getByRole('button', { name: 'Play the show' }).click()
  await page.getByLabel('Speed').selectOption('4')
  // Six seconds before follows: a page that is drawn less than four times a second plays more slowly.
  await page.getByLabel('Position').press('7')
  await alert.first().waitFor()
  await page.getByRole('button', { name: 'Pause' }).click()
  await visit.picture(pictures, 'share')
  await visit.axe()
  const now = await totalsOf(page)
  assert.notDeepEqual(now, whole)
  assert.ok(Object.entries(now).every(([name, total]) => total <= whole[name] || name === 'viewers'), JSON.stringify(now))
  assert.equal(await page.locator('#events .now').count(), 1)
  assert.equal(await page.locator('#failure').isVisible(), false)

  // Keys, also while a control has the focus.
  for (const [key, seconds] of [['0', 0], ['ArrowRight', 5], ['ArrowRight', 10], ['ArrowLeft', 5], ['Home', 0], ['ArrowLeft', 0]]) {
    await page.keyboard.press(key)
    assert.equal(await secondsOf(page), seconds, key)
  }
  assert.equal((await totalsOf(page)).diamonds, 0, 'back at the start')
  await page.locator('summary').click()
  const seq = async () => Number(/^Event (\d+) of /.exec(await page.locator('#which').innerText())[1])
  await page.keyboard.press('.')
  const first = await seq()
  await page.keyboard.press('.')
  assert.equal(await seq(), first + 1)
  await page.keyboard.press(',')
  assert.equal(await seq(), first)
  assert.equal(JSON.parse(await page.locator('#json').innerText()).seq, first)
  for (const [key, speed] of [['<', '2'], ['>', '4'], ['>', '8'], ['>', '16'], ['>', '16']]) {
    await page.keyboard.press(key)
    assert.equal(await page.getByLabel('Speed').inputValue(), speed)
  }
  await page.keyboard.press('9')
  assert.ok((await secondsOf(page)) > 60)
  // On the summary, the space bar would close it.
  await page.getByLabel('Position').focus()
  await page.keyboard.press(' ')
  // The end is reached by playing, and has the totals of the whole show.
  await page.getByRole('button', { name: 'Play again' }).waitFor()
  assert.deepEqual(await totalsOf(page), whole)
  await page.getByLabel('Position').fill('0')
  assert.equal((await totalsOf(page)).diamonds, 0)
  await page.keyboard.press('End')
  assert.deepEqual(await totalsOf(page), whole)

  // A line of the list leads to its event, in the overlay, too, and in the address.
  const line = page.locator('#events .gift').first()
  await line.locator('a').click()
  await alert.first().waitFor()
  assert.match(await line.getAttribute('class'), /\bnow\b/)
  assert.equal(JSON.parse(await page.locator('#json').innerText()).type, 'gift')
  const link = page.url()
  assert.equal(new URL(link).hash, `#${await line.getAttribute('id')}`)
  // axe looks for itself in the frame.
  visit.clean(/target origin provided \('file:/)
  // Only the lines of the list are printed, all of them.
  await page.emulateMedia({ media: 'print' })
  const box = await page.locator('#events').boundingBox()
  assert.ok(box.height > 1000 && !(await page.locator('#player').isVisible()))
  await visit.close()
  return new URL(link).hash
}

/** The same file from a server, on a phone in the dark, at the event of a link. */
async function isHosted({ browser, pictures, folder, hash }) {
  const server = await serveFolder(folder)
  const visit = await Visit.open(browser, server.url, { path: `/share.html${hash}`, ready: false, width: 390, height: 844, scheme: 'dark' })
  await visit.page.frameLocator('#overlay').locator('.alert .name').first().waitFor()
  assert.equal(await visit.page.locator('#poster').isVisible(), false)
  const [scrollWidth, clientWidth, scrollTop] = await visit.page.evaluate(() => ['scrollWidth', 'clientWidth', 'scrollTop'].map((key) => document.documentElement[key]))
  assert.equal(scrollTop, 0, 'the player is in sight, not only the line')
  assert.ok(scrollWidth <= clientWidth, `${scrollWidth} pixels on a phone of ${clientWidth}`)
  await visit.axe()
  await visit.picture(pictures, 'share-phone')
  await visit.leave()
  server.close()
}

/** Without scripts, a summary and the list. */
async function isReadWithoutScripts({ browser, file }) {
  const context = await browser.newContext({ javaScriptEnabled: false, offline: true })
  const page = await context.newPage()
  await page.goto(file)
  await page.getByText('The show only plays where scripts may run').waitFor()
  assert.equal(await page.locator('#player').isVisible(), false)
  assert.ok(await page.locator('#events li').last().isVisible())
  await context.close()
}

export async function share({ browser, livetape, pictures }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-share-'))
  try {
    const output = path.join(folder, 'share.html')
    await run(livetape, ['share', recording('gifts'), '-o', output])
    const file = pathToFileURL(output).href
    const hash = await plays({ browser, livetape, pictures, folder, file })
    await isHosted({ browser, pictures, folder, hash })
    await isReadWithoutScripts({ browser, file })
    return 'poster, playback, keys, links, totals as in the recording; from disk, from a server, without scripts'
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
