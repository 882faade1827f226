// The list of recordings, a recording's timeline, files dropped onto the page, injecting, and tokens.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

import { ask, until, withServer } from '../support/livetape.mjs'
import { Visit, clipboard, inked } from './page.mjs'

const REFUSED = /Failed to load resource/

export async function recordings({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0'], async ({ url, cwd }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const tape = (name) => page.locator('.tape-row', { has: page.locator('bdi.tape', { hasText: new RegExp(`^${name}$`) }) })
    const act = (name, label) => tape(name).getByRole('button', { name: label, exact: true }).click()
    const names = async () => (await ask(url, 'recordings')).recordings.map(({ name }) => name)

    // The timeline shows the recording's events.
    await page.locator('.legend').waitFor()
    await until('a timeline of bars', async () => (await page.evaluate(inked)) > 500)

    await act('short', 'Info')
    await tape('short').getByText('Records', { exact: true }).waitFor()
    await visit.axe()

    // Upload, rename, download, delete.
    const bytes = await readFile(path.join(cwd, 'recordings', 'gifts.bin'))
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('button', { hasText: 'Upload…' }).click()])
    await chooser.setFiles({ name: 'mine.bin', mimeType: 'application/octet-stream', buffer: bytes })
    await tape('mine').waitFor()
    await act('mine', 'Rename')
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'detached' })
    await act('mine', 'Rename')
    await visit.axe()
    await dialog.getByRole('textbox').fill('yours')
    await dialog.getByRole('button', { name: 'Rename' }).click()
    await tape('yours').waitFor()
    const [download] = await Promise.all([page.waitForEvent('download'), act('yours', 'Download')])
    assert.equal(download.suggestedFilename(), 'yours.bin')
    assert.ok(bytes.equals(await readFile(await download.path())), 'the download equals the upload')

    await visit.picture(pictures, 'recordings')
    await act('yours', 'Play')
    await page.locator('.transport .tape', { hasText: 'yours' }).waitFor()
    await page.locator('.tape-row.loaded', { hasText: 'yours' }).waitFor()
    await act('demo', 'Play')
    await page.locator('.transport .tape', { hasText: 'demo' }).waitFor()
    await act('yours', 'Delete')
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
    assert.ok((await names()).includes('yours'), 'deleting asks for confirmation')
    await act('yours', 'Delete')
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await tape('yours').waitFor({ state: 'detached' })
    assert.ok(!(await names()).includes('yours'), 'deleted')
    await visit.leave()
    return `timeline and facts shown, ${bytes.length} bytes uploaded, renamed, downloaded, loaded, deleted`
  })
}

export async function inject({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const panel = page.locator('.inject')
    const button = (name) => panel.getByRole('button', { name, exact: true })
    const line = (text) => page.locator('article', { hasText: text }).last()
    const hostile = '<img src=x onerror="document.title=1">\u202Ereversed'

    await panel.getByRole('textbox', { name: 'As user' }).fill('zoe_tester')
    await page.locator('#search').fill('zoe_tester')
    await panel.getByRole('textbox', { name: 'Comment' }).fill(hostile)
    await panel.getByLabel('Moderator').check()
    const [request] = await Promise.all([page.waitForRequest('**/inject'), button('Chat').click()])
    await line('<img src=x').waitFor()
    await panel.getByLabel('Moderator').uncheck()
    assert.equal(request.postDataJSON().user.isModerator, true)
    assert.equal(await page.title(), 'livetape', 'no script ran')

    await panel.getByRole('textbox', { name: 'Gift' }).fill('Rose')
    await panel.getByRole('spinbutton', { name: 'Count' }).fill('12')
    await button('Send streak').click()
    await line('sent Rose').locator('.count', { hasText: '×12' }).waitFor()
    await panel.getByRole('status').getByText('13 events sent to 0 clients.').waitFor()
    await panel.getByRole('textbox', { name: 'Gift' }).fill('Tape Deck')
    await panel.getByRole('spinbutton', { name: 'Diamonds' }).fill('250')
    await button('Send gift').click()
    await line('sent Tape Deck').locator('.diamonds', { hasText: '3,000' }).waitFor()
    // What a client should show.
    const expected = page.locator('.truth > div', { hasText: 'Top gifter' })
    await expected.getByText('zoe_tester').waitFor()
    for (const [name, text] of [['Follow', 'followed the host'], ['Share', 'shared the LIVE'], ['Like burst', 'sent 15 likes'], ['Join', 'joined']]) {
      await button(name).click()
      await line(text).waitFor()
    }
    const rows = await page.locator('article').count()
    assert.equal(rows, 7, 'one row each, including the streak')
    await visit.axe()
    await visit.picture(pictures, 'inject')
    await visit.leave()
    return `${rows} rows: a chat, a streak of 12, a gift, follow, share, likes, join`
  })
}

/** A token that can only read: one message, events, and nothing to press that the server would reject. */
async function onlyReads(browser, url, token, pictures) {
  const visit = await Visit.open(browser, url, { ready: false })
  const { page } = visit
  await page.getByRole('dialog').getByLabel('Bearer token').fill(token)
  await page.getByRole('dialog').getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('status').filter({ hasText: 'Your token can only read' }).waitFor()
  await page.locator('article').first().waitFor()
  // Another token may be given, or not.
  await page.getByRole('button', { name: 'Use another token' }).click()
  await page.getByRole('dialog').getByText('keeps the token until you close the tab').waitFor()
  await page.keyboard.press('Escape')
  assert.equal(await page.getByRole('dialog').count(), 0)
  const row = page.locator('.tape-row').first()
  for (const name of ['Play', 'Upload…']) assert.ok(await page.locator('.recordings').getByRole('button', { name, exact: true }).first().isDisabled(), name)
  assert.equal(await page.locator('.acting:not([inert])').count(), 0, 'controls are inert')
  await row.getByRole('button', { name: 'Info' }).click()
  await row.getByText('Connections').waitFor()
  // The first page has paused the replay.
  const paused = page.locator('.phase-paused')
  await paused.waitFor()
  await page.locator('body').press('Space')
  await page.getByRole('button', { name: '0 clients' }).click()
  await visit.axe()
  await visit.picture(pictures, 'read-only')
  await paused.waitFor()
  assert.equal(await page.locator('.card.error').count(), 0, 'one message')
  await visit.leave(REFUSED, /WebSocket connection to/)
}

/** The token of the dashboard counts for the other pages of the same tab, and is only in the link that is copied. */
async function tokenOfTab({ page }, url, token) {
  const copied = async () => {
    await page.getByRole('button', { name: 'Copy', exact: true }).click()
    return clipboard(page)
  }
  await page.getByRole('button', { name: 'Node', exact: true }).click()
  assert.match(await copied(), /token=YOUR_TOKEN/)
  await page.getByText('Copied the code: replace YOUR_TOKEN with the token').waitFor()
  await page.getByRole('button', { name: 'OBS', exact: true }).click()
  assert.equal(new URL(await copied()).searchParams.get('token'), token)
  await page.getByText('Copied the link, which contains the token: keep it secret').waitFor()
  assert.match(await page.locator('.snippet').innerText(), /token=•••/)
  const [other] = await Promise.all([page.waitForEvent('popup'), page.getByRole('link', { name: 'set up an overlay', exact: true }).click()])
  await other.getByLabel('Preview with').locator('option', { hasText: 'short' }).waitFor({ state: 'attached' })
  await other.close()
  await page.goto(`${url}/overlays/`)
  await page.getByLabel('Preview with').locator('option', { hasText: 'short' }).waitFor({ state: 'attached' })
  assert.equal(await page.locator('#refused').innerText(), '', 'not asked again')
  const link = page.getByLabel('Link for OBS')
  assert.ok(!page.url().includes(token) && (await link.inputValue()).includes('token=•••'), 'not in what is shown')
  await page.getByRole('button', { name: 'Copy OBS link' }).click()
  await page.getByText('keep it secret').waitFor()
  assert.equal(new URL(await clipboard(page)).searchParams.get('token'), token)
  // By hand, and in a page whose address is not a secure one.
  await page.evaluate(() => navigator.clipboard.writeText(''))
  await link.press('ControlOrMeta+A')
  await link.press('ControlOrMeta+C')
  assert.equal(new URL(await clipboard(page)).searchParams.get('token'), token)
  await page.evaluate(() => navigator.clipboard.writeText(''))
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined }))
  await page.getByRole('button', { name: 'Copy OBS link' }).click()
  await page.getByText('keep it secret').waitFor()
  await page.evaluate(() => delete navigator.clipboard)
  assert.equal(new URL(await clipboard(page)).searchParams.get('token'), token)
  await page.goto(`${url}/try`)
  await page.locator('#log li', { hasText: '"type":"welcome"' }).waitFor()
  assert.equal(await page.locator('#locked').isVisible(), false, 'not asked again')
}

/** The token on the other pages: in the link for OBS, and for rooms. */
async function tokenElsewhere(browser, url, token, reading) {
  const visit = await Visit.open(browser, url, { path: '/overlays/', ready: false })
  const { page } = visit
  // What is wrong stands beside the field.
  const field = page.locator('#locked')
  await field.getByText('This server requires a token.').waitFor()
  await page.getByText('The link cannot work yet').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Copy OBS link' }).isDisabled(), true)
  await page.getByLabel('Token of this server').fill('a wrong one')
  await field.getByText('The server rejected this token').waitFor()
  await page.getByLabel('Token of this server').fill(token)
  await page.getByLabel('Token of this server').press('Enter')
  await page.getByLabel('Preview with').locator('option', { hasText: 'short' }).waitFor({ state: 'attached' })
  await page.getByRole('button', { name: 'Copy OBS link' }).click()
  await page.getByText('keep it secret').waitFor()
  assert.equal(new URL(await clipboard(page)).searchParams.get('token'), token)
  await page.evaluate(() => sessionStorage.clear())
  // A token that only reads sends no tests.
  await page.goto(`${url}/overlays/`)
  await page.getByLabel('Token of this server').fill(reading)
  await page.getByLabel('Preview with').selectOption('the current feed')
  await page.getByText('This token can only read.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Gift', exact: true }).isDisabled(), true)
  await page.evaluate(() => sessionStorage.clear())
  await page.goto(`${url}/try`)
  await page.getByText('This server requires a token: enter it here.').waitFor()
  await page.getByLabel('Token').fill('a wrong one')
  await page.getByRole('button', { name: 'Connect' }).click()
  await page.getByText('The server rejected this token').waitFor()
  await page.getByLabel('Token').fill(token)
  await page.getByRole('button', { name: 'Connect' }).click()
  await page.locator('#log li', { hasText: '"type":"welcome"' }).waitFor()
  await visit.leave(REFUSED, /WebSocket connection to/)
}

/** A server that requires a token. */
export async function token({ browser, livetape, pictures }) {
  const [SECRET, READING] = ['a-token-of-the-tests-0123456789abcdef', 'a-token-that-only-reads-0123456789']
  return withServer(livetape, ['replay', 'demo', '--port', '0'], async ({ url, cwd }) => {
    assert.equal((await fetch(new URL('status', url))).status, 401, 'requires a token')
    const visit = await Visit.open(browser, url, { ready: false })
    const { page } = visit
    const dialog = page.getByRole('dialog', { name: 'This server requires a token' })
    await dialog.waitFor()
    await dialog.getByText('which the command livetape token writes').waitFor()
    await visit.axe()
    await visit.picture(pictures, 'token')
    await page.keyboard.press('Escape')
    await dialog.getByLabel('Bearer token').fill('a wrong one')
    await dialog.getByRole('button', { name: 'Continue' }).click()
    await dialog.getByText('The server rejected this token').waitFor()
    await dialog.getByLabel('Bearer token').fill(SECRET)
    await dialog.getByRole('button', { name: 'Continue' }).click()
    await page.locator('.link-open').waitFor({ timeout: 30_000 })
    await page.locator('article').first().waitFor()
    await page.getByRole('button', { name: 'Pause replay (space)' }).click()
    await page.getByRole('button', { name: 'Play replay (space)' }).waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('.tape-row').first().getByRole('button', { name: 'Download' }).click(),
    ])
    assert.ok((await readFile(await download.path())).length > 1000, 'downloads send the token')
    await page.reload()
    await page.locator('.link-open').waitFor()
    assert.ok(!page.url().includes(SECRET), 'no token in the URL')
    await tokenOfTab(visit, url, SECRET)
    await visit.leave(REFUSED, /WebSocket connection to|AudioContext/)
    await onlyReads(browser, url, READING, pictures)
    await tokenElsewhere(browser, url, SECRET, READING)
    return 'required, a wrong one rejected, the right one kept for the tab; one that only reads disables the controls'
  }, { env: { LIVETAPE_TOKEN: `${SECRET}, read:${READING}` } })
}

const CAPTURE = fileURLToPath(new URL('../../fixtures/webcast/session-1.jsonl', import.meta.url))
const DROP_REFUSED = /Failed to load resource/

/** Drops a file from the desktop onto the page, with the browser's default action unless the page prevents it. */
async function drop(page, file, [x, y]) {
  const session = await page.context().newCDPSession(page)
  const data = { items: [], files: [file], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop']) await session.send('Input.dispatchDragEvent', { type, x, y, data })
  await session.detach()
}

/** Files dropped anywhere: the server stores recordings and imports captures; the browser opens none of them. */
export async function drops({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '0'], async ({ url, cwd }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const middle = async (selector) => {
      const { x, y, width, height } = await page.locator(selector).boundingBox()
      return [x + width / 2, y + height / 2]
    }
    await page.locator('.recordings').waitFor()
    const text = path.join(cwd, 'dropped.html')
    await writeFile(text, '<title>opened</title>')
    const places = ['#search', '.list', '.source', '.bar', '.connect input', '#connect-title']
    for (const place of places) {
      await drop(page, text, await middle(place))
      const card = page.locator('.card.error', { hasText: 'bad_capture' })
      await card.getByText('Cannot be imported').waitFor()
      await card.getByRole('button', { name: 'Dismiss' }).click()
      assert.equal(await page.title(), 'livetape', `dropped on ${place}`)
    }
    assert.ok(!(await ask(url, 'recordings')).recordings.some(({ name }) => name === 'dropped'), 'a rejected file is not stored')

    const mine = path.join(cwd, 'mine.bin')
    await writeFile(mine, await readFile(path.join(cwd, 'recordings', 'gifts.bin')))
    await drop(page, mine, await middle('.list'))
    await page.locator('.tape-row', { hasText: 'mine' }).waitFor()
    // A name that exists: the message offers to replace the recording, or a free name.
    await drop(page, mine, await middle('.list'))
    const taken = page.locator('.card.error', { hasText: 'output_exists' })
    await taken.getByRole('button', { name: 'Upload as mine-2' }).click()
    await page.locator('.tape-row', { hasText: 'mine-2' }).waitFor()
    await drop(page, mine, await middle('.list'))
    await taken.getByRole('button', { name: 'Upload as mine-3' }).waitFor()
    await visit.axe()
    const replaced = page.waitForResponse((response) => response.url().endsWith('/recordings/mine?force=1'))
    await taken.getByRole('button', { name: 'Replace' }).click()
    assert.equal((await replaced).status(), 200, 'replaced')
    await taken.waitFor({ state: 'detached' })
    const long = path.join(cwd, `${'long '.repeat(37)}name.bin`)
    await copyFile(mine, long)
    await drop(page, long, await middle('.list'))
    const name = page.locator('.tape-row .tape', { hasText: 'long long' })
    await name.waitFor()
    const { height, line } = await name.evaluate((it) => ({ height: it.clientHeight, line: parseFloat(getComputedStyle(it).lineHeight) }))
    assert.ok(height <= 2 * line + 1, `a long name takes ${height} px`)
    assert.equal(await name.getAttribute('title'), path.basename(long, '.bin'))
    // Captures are imported; a report stays until it is dismissed or replaced by the next one.
    const file = (name) => path.join(cwd, name)
    await promisify(execFile)(livetape, ['export', 'har', 'recordings/short.bin', '-o', file('browser.har')], { cwd })
    await writeFile(file('packed.har.gz'), gzipSync(await readFile(file('browser.har'))))
    await copyFile(CAPTURE, file('lines.jsonl'))
    // The page shows the progress of an upload, which waits here until that is seen.
    await page.route(/recordings\/packed/, async (route) => {
      await page.getByText('Uploading packed: ').waitFor()
      assert.equal(await page.getByRole('progressbar', { name: 'packed' }).count(), 1, 'progress')
      await route.continue()
    })
    const captures = ['browser.har', 'packed.har.gz', 'lines.jsonl']
    for (const name of captures) {
      await drop(page, file(name), await middle('.list'))
      const report = page.locator('.card.notice', { hasText: `${name.split('.')[0]} imported` })
      await report.getByText(/\d+ frames/).waitFor()
      if (name === 'lines.jsonl') await visit.axe()
      assert.equal(await page.locator('.card.notice', { hasText: 'imported' }).count(), 1, 'one report')
    }
    await page.locator('.card.notice', { hasText: 'lines imported' }).getByRole('button', { name: 'Play' }).click()
    await page.locator('.transport .tape', { hasText: 'lines' }).waitFor()
    // On a small screen, the report appears in the list of recordings: it covers nothing.
    await page.setViewportSize({ width: 360, height: 740 })
    await copyFile(file('lines.jsonl'), file('small.jsonl'))
    await drop(page, file('small.jsonl'), [180, 100])
    const small = page.locator('.card.notice', { hasText: 'small imported' })
    await small.waitFor()
    assert.equal(await page.locator('.snackbar .card', { hasText: 'imported' }).count(), 0)
    await page.locator('.recordings').getByText('small imported').scrollIntoViewIfNeeded()
    await visit.picture(pictures, 'report')
    await visit.axe()
    // Chromium opens a file that no page accepted in another tab, a moment later.
    assert.deepEqual(visit.context.pages().map((other) => other.url()), [`${url}/`], 'no file was opened')
    await visit.leave(DROP_REFUSED)
    return `rejected at ${places.length} places, a recording uploaded, ${captures.length} captures imported, one played`
  })
}
