// `node foreign.mjs <livetape> <folder> <page> [<URL>=<file>…]`: opens a page of somebody else's overlay for TikFinity, unchanged, and prints its texts.
// The folder is a copy of its repository. URLs that the page loads from other servers are answered with files; all others are blocked.
// The port that overlays know is mapped to that of the test, so that TikFinity or another livetape may run meanwhile.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import path from 'node:path'

import { chromium } from 'playwright-core'

import { chromiumWith, serveFolder, until, withServer } from '../support/livetape.mjs'

/** Number of events to send, and the time that the page gets to draw the last ones, in ms. */
const [EVENTS, DRAWING_MS] = [100, 1500]

const [livetape, folder, start, ...answers] = process.argv.slice(2)
const known = new Map(answers.map((answer) => [answer.slice(0, answer.lastIndexOf('=')), answer.slice(answer.lastIndexOf('=') + 1)]))

const files = await serveFolder(folder)

const args = ['replay', 'recordings/everything.bin', '--port', '0', '--tikfinity=127.0.0.1:0', '--speed', '10', '--wait-clients', '1']
await withServer(path.resolve(livetape), args, async ({ said }) => {
  const [, host] = await until('the address', async () => /TikFinity's format on ws:\/\/([^/]+)/.exec(said()))
  const browser = await chromium.launch(chromiumWith(`--host-resolver-rules=MAP localhost:21213 ${host}`))
  const page = await browser.newPage()
  const [sent, mistakes, shown] = [{}, [], new Set()]
  page.on('pageerror', ({ message }) => mistakes.push(message))
  page.on('websocket', (socket) => {
    if (!socket.url().includes(':21213')) return
    socket.on('framereceived', ({ payload }) => {
      const { event } = JSON.parse(payload)
      sent[event] = (sent[event] ?? 0) + 1
    })
  })
  await page.route('**/*', async (route) => {
    const url = route.request().url()
    if (url.startsWith(files.url)) return route.continue()
    const file = known.get(url)
    return file ? route.fulfill({ contentType: 'text/javascript', body: await readFile(file) }) : route.abort()
  })
  await page.goto(`${files.url}/${start}`)
  // Overlays remove what they have shown, so texts are collected.
  await until('events in the page', async () => {
    for (const line of (await page.locator('body').innerText()).split('\n')) if (line.trim() !== '') shown.add(line.trim())
    return Object.values(sent).reduce((sum, count) => sum + count, 0) >= EVENTS
  }, 60_000)
  await page.waitForTimeout(DRAWING_MS)
  if (process.env.PICTURE) await page.screenshot({ path: process.env.PICTURE })
  await browser.close()
  console.log(`events: ${JSON.stringify(sent)}\nerrors of the page: ${JSON.stringify(mistakes)}\n${[...shown].slice(0, 25).join('\n')}`)
  assert.deepEqual(mistakes, [], 'errors of the page')
  assert.ok(shown.size > 0, 'texts in the page')
})
files.close()
