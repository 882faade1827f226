// An overlay for TikFinity in Chromium: pages of other origins only read the feed if `tikfinity.origins` lists them.

import { once } from 'node:events'
import { createServer } from 'node:http'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { LIVETAPE, recording, withServer } from '../../../tests/support/livetape.mjs'
import { launch } from './pages.mjs'

/** Reads the feed as public overlays do: no options, no handshake, and only the end of a streak counts. */
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

let browser
// Browsers ask before a page from the internet reads a local socket, so both pages come from this machine.
beforeAll(async () => (browser = await launch('--host-resolver-rules=MAP overlay.example 127.0.0.1')))
afterAll(() => browser.close())

for (const [host, listed, isAllowed] of [['localhost', '', true], ['overlay.example', '', false], ['overlay.example', 'overlay.example', true], ['overlay.example', 'other.example', false]]) {
  test(`a page of ${host} ${isAllowed ? 'reads' : 'cannot read'} TikFinity's format if tikfinity.origins lists ${listed || 'nothing'}`, async () => {
    let address
    const site = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE(address))).listen(0, '127.0.0.1')
    await once(site, 'listening')
    const { port } = site.address()
    const args = ['replay', recording('busy'), '--port', '0', '--speed', '100', '--loop', '--tikfinity']
    const env = { LIVETAPE_TIKFINITY_LISTEN: '127.0.0.1:0', ...(listed && { LIVETAPE_TIKFINITY_ORIGINS: `http://${listed}:${port}` }) }
    await withServer(LIVETAPE, args, async (server) => {
      ;[address] = /ws:\/\/127\.0\.0\.1:\d+\/(?=\s|$)/.exec(server.said().split('\n').find((line) => line.includes('TikFinity')))
      const page = await browser.newPage()
      page.setDefaultTimeout(10_000)
      await page.goto(`http://${host}:${port}/`)
      if (isAllowed) {
        await page.locator('li').first().waitFor()
        expect(await page.locator('li').first().innerText()).toMatch(/^.+ sent .+ x\d+ \d+ \d+$/)
      } else {
        await page.getByText('disconnected').waitFor()
        expect(await page.locator('li').count()).toBe(0)
      }
      await page.close()
    }, { env })
    site.close()
  })
}
