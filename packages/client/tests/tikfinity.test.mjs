// An overlay for TikFinity in Chromium: pages of other origins only read the feed if `tikfinity.origins` lists them.

import { afterAll, beforeAll, expect, test } from 'vitest'

import { LIVETAPE, recording, withServer } from '../../../tests/support/livetape.mjs'
import { launch } from './pages.mjs'

const HOSTED = 'http://overlay.example'
const LOCAL = 'http://localhost:5500'
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
beforeAll(async () => (browser = await launch()))
afterAll(() => browser.close())

for (const [origin, origins, isAllowed] of [[LOCAL, '', true], [HOSTED, '', false], [HOSTED, HOSTED, true], [HOSTED, 'http://other.example', false]]) {
  test(`a page of ${origin} ${isAllowed ? 'reads' : 'cannot read'} TikFinity's format if tikfinity.origins is "${origins}"`, async () => {
    const args = ['replay', recording('busy'), '--port', '0', '--speed', '100', '--loop', '--tikfinity']
    const env = { LIVETAPE_TIKFINITY_LISTEN: '127.0.0.1:0', ...(origins && { LIVETAPE_TIKFINITY_ORIGINS: origins }) }
    await withServer(LIVETAPE, args, async (server) => {
      const [address] = /ws:\/\/127\.0\.0\.1:\d+\/(?=\s|$)/.exec(server.said().split('\n').find((line) => line.includes('TikFinity')))
      const page = await browser.newPage()
      await page.route(`${origin}/`, (route) => route.fulfill({ contentType: 'text/html', body: PAGE(address) }))
      await page.goto(`${origin}/`)
      if (isAllowed) {
        await page.locator('li').first().waitFor()
        expect(await page.locator('li').first().innerText()).toMatch(/^.+ sent .+ x\d+ \d+ \d+$/)
      } else {
        await page.getByText('disconnected').waitFor()
        expect(await page.locator('li').count()).toBe(0)
      }
      await page.close()
    }, { env })
  })
}
