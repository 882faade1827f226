// Pages in Chromium that read the feed: with the browser script, and as overlays for TikFinity do.

import { once } from 'node:events'
import http from 'node:http'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

import { recording, until } from '../../../tests/support/livetape.mjs'
import { serve } from './given.mjs'
import { launch, ofDisk, open } from './pages.mjs'

const BUNDLE = fileURLToPath(new URL('../dist/livetape-client.iife.js', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../examples/page.html', import.meta.url))

let browser
let site
beforeAll(async () => {
  // Browsers ask before a page from the internet reads a local socket, so those of another host also come from this machine.
  browser = await launch('--host-resolver-rules=MAP overlay.example 127.0.0.1')
  // A page of another local server, and one from disk, may read the feed.
  site = http.createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>x</title><link rel="icon" href="data:,">'))
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await browser.close()
  site.close()
})

test('the example shows the chats of a recording from disk', async () => {
  const { ws } = await serve(['replay', recording('demo'), '--port', '0', '--speed', '200', '--wait-clients', '1'])
  const opened = await open(browser, `${ofDisk(EXAMPLE)}?url=${encodeURIComponent(`${ws}/`)}`)
  await until('some chats', async () => (await opened.page.locator('#chat li').count()) > 20)
  expect(opened.complaints).toEqual([])
})

test('supports rooms, history, binary messages, tokens and final close codes', async () => {
  const token = 'a-token-of-this-test-0123456789'
  const origin = `http://127.0.0.1:${site.address().port}`
  const { url, ws } = await serve(['serve', '--port', '0'], { env: { LIVETAPE_TOKEN: token, LIVETAPE_ORIGINS: origin } })
  const { page, complaints } = await open(browser, origin)
  await page.addScriptTag({ path: BUNDLE })
  const found = await page.evaluate(async ({ url, token }) => {
    const [one, two] = ['one', 'two'].map((clientId) => new Livetape.RNodeWebSocketClient(url, clientId, { token }))
    await Promise.all([one.connect(), two.connect()])
    const [room] = await Promise.all([one.joinRoom('r'), two.joinRoom('r')])
    const heard = new Promise((resolve) => two.once('roomMessage', (...args) => resolve(args)))
    await room.send('hello')
    const bytes = new Promise((resolve) => two.once('binary', (buffer) => resolve([...new Uint8Array(buffer)])))
    const said = await heard
    await one.send(Uint8Array.from({ length: 4096 }, (_, index) => index % 256))
    const over = new Promise((resolve) => one.once('disconnected', resolve))
    globalThis.clients = { one, two, over }
    return { said, bytes: await bytes, history: two.getRoom('r').getMessageHistory().map(({ message }) => message) }
  }, { url: `${ws}/ws`, token })
  expect(found).toEqual({ said: ['r', 'hello', 'one'], bytes: Array.from({ length: 4096 }, (_, index) => index % 256), history: ['hello'] })
  await fetch(`${url}/connections/one/close`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify({ code: 4000, reason: 'enough' }) })
  expect(await page.evaluate(async () => [await clients.over, clients.one.getStatus()])).toEqual([{ code: 4000, reason: 'enough', meaning: 'close code 4000', final: true }, 'disconnected'])
  expect(complaints).toEqual([])
})

/** An overlay for TikFinity. Reads the feed as public overlays do: no options, no handshake, and only the end of a streak counts. */
const PAGE = (address) => `<!doctype html><ul id="gifts"></ul><p id="state"></p><script>
  const socket = new WebSocket('${address}')
  socket.onclose = () => (document.querySelector('#state').textContent = 'disconnected')
  socket.onmessage = (message) => {
    const { event, data } = JSON.parse(message.data)
    if (event !== 'gift' || (data.giftType === 1 && !data.repeatEnd)) return
    const line = document.createElement('li')
    line.textContent = data.nickname + ' sent ' + data.giftName + ' x' + data.repeatCount + ' ' + data.giftId.toString() + ' ' + data.tikfinityUserId.toString()
    document.querySelector('#gifts').append(line)
  }
</script>`

// Pages of other origins only read this feed if `server.origins` lists them.
for (const [host, listed, isAllowed] of [['localhost', '', true], ['overlay.example', '', false], ['overlay.example', 'overlay.example', true], ['overlay.example', 'other.example', false]]) {
  test(`a page of ${host} ${isAllowed ? 'reads' : 'cannot read'} TikFinity's format if server.origins lists ${listed || 'nothing'}`, async () => {
    let address
    const overlay = http.createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE(address))).listen(0, '127.0.0.1')
    onTestFinished(() => overlay.close())
    await once(overlay, 'listening')
    const { port } = overlay.address()
    const args = ['replay', recording('busy'), '--port', '0', '--speed', '100', '--loop', '--tikfinity=127.0.0.1:0']
    const env = listed && { LIVETAPE_ORIGINS: `http://${listed}:${port}` }
    const server = await serve(args, { env })
    ;[address] = /ws:\/\/127\.0\.0\.1:\d+\/(?=\s|$)/.exec(server.said().split('\n').find((line) => line.includes('TikFinity')))
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    page.setDefaultTimeout(10_000)
    await page.goto(`http://${host}:${port}/`)
    if (isAllowed) {
      await page.locator('li').first().waitFor()
      expect(await page.locator('li').first().innerText()).toMatch(/^.+ sent .+ x\d+ \d+ \d+$/)
    } else {
      await page.getByText('disconnected').waitFor()
      expect(await page.locator('li').count()).toBe(0)
    }
  })
}
