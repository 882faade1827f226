// Files dropped onto the page.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

import { withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

const CAPTURE = fileURLToPath(new URL('../../fixtures/webcast/session-1.jsonl', import.meta.url))
const REFUSED = /Failed to load resource/

/** Encodes a typed netstring, in which mitmproxy stores its flows. */
function netstring(value) {
  const wrap = (bytes, kind) => Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, Buffer.from(kind)])
  if (Buffer.isBuffer(value)) return wrap(value, ',')
  if (Array.isArray(value)) return wrap(Buffer.concat(value.map(netstring)), ']')
  if (value === null) return wrap(Buffer.alloc(0), '~')
  if (typeof value === 'object') return wrap(Buffer.concat(Object.entries(value).flat().map(netstring)), '}')
  if (typeof value === 'boolean') return wrap(Buffer.from(`${value}`), '!')
  if (typeof value === 'number') return wrap(Buffer.from(`${value}`), Number.isInteger(value) ? '#' : '^')
  return wrap(Buffer.from(value), ';')
}

/** A flow of mitmproxy with the WebSocket frames of a capture in JSON lines. */
function flowOf(lines) {
  const started = 1_757_443_489.5
  const message = ({ offset_ms: ms, frame }) => [2, false, Buffer.from(frame, 'base64'), started + (ms + 0.5) / 1000, false, false]
  const request = { host: 'webcast-ws.tiktok.com', port: 443, method: Buffer.from('GET'), scheme: Buffer.from('https'), authority: Buffer.alloc(0), path: Buffer.from('/webcast/im/ws_proxy/?aid=1988&room_id=1'), timestamp_start: started }
  const messages = lines.trim().split('\n').map((line) => message(JSON.parse(line)))
  const websocket = { messages, closed_by_client: false, close_code: 1000, close_reason: '', timestamp_end: started + 900.5 }
  return netstring({ version: 21, type: 'http', request, response: { status_code: 101, headers: [], content: null }, websocket })
}

/** A zip archive of one file; gzip has the same compressed data and checksum. */
function zipOf(name, bytes) {
  const gzip = gzipSync(bytes)
  const packed = gzip.subarray(10, -8)
  const facts = Buffer.alloc(26)
  ;[20, 0, 8].forEach((value, index) => facts.writeUInt16LE(value, index * 2))
  gzip.copy(facts, 10, gzip.length - 8, gzip.length - 4)
  facts.writeUInt32LE(packed.length, 14)
  facts.writeUInt32LE(bytes.length, 18)
  facts.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), facts, Buffer.from(name), packed])
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), facts, Buffer.alloc(14), Buffer.from(name)])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  ;[8, 10].forEach((at) => end.writeUInt16LE(1, at))
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}

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
      await card.waitFor()
      await card.getByRole('button', { name: 'Dismiss' }).click()
      assert.equal(await page.title(), 'livetape', `dropped on ${place}`)
    }

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
    await promisify(execFile)(livetape, ['export', 'jsonl', 'recordings/short.bin', '-o', file('exported.jsonl')], { cwd })
    await writeFile(file('packed.har.gz'), gzipSync(await readFile(file('browser.har'))))
    await writeFile(file('zipped.zip'), zipOf('browser.har', await readFile(file('browser.har'))))
    await writeFile(file('proxy.mitm'), flowOf(await readFile(file('exported.jsonl'), 'utf8')))
    await copyFile(CAPTURE, file('lines.jsonl'))
    // The page shows the progress of an upload, which waits here until that is seen.
    await page.route(/recordings\/zipped/, async (route) => {
      await page.getByText('Uploading zipped: ').waitFor()
      assert.equal(await page.getByRole('progressbar', { name: 'zipped' }).count(), 1, 'progress')
      await route.continue()
    })
    const captures = ['browser.har', 'packed.har.gz', 'zipped.zip', 'proxy.mitm', 'lines.jsonl']
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
    visit.clean(REFUSED)
    await visit.close()
    return `rejected at ${places.length} places, a recording uploaded, ${captures.length} captures imported, one played`
  })
}
