// The first look: where to connect, who is connected, and `/try`.

import assert from 'node:assert/strict'

import { ask, until, withServer } from '../support/livetape.mjs'
import { JUDGES_TIMES, Visit, clipboard } from './page.mjs'


/** From an idle server to events in an overlay, with the mouse alone. */
export async function connect({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '0'], async ({ url }) => {
    const started = Date.now()
    const visit = await Visit.open(browser, url)
    const { page, context } = visit
    const button = (name) => page.getByRole('button', { name, exact: true })
    await button('OBS').click()
    await button('Copy').click()
    await page.getByText('Copied the code').waitFor()
    const overlay = await context.newPage()
    await overlay.goto(await clipboard(page))
    // Chromium draws a tab in the background once a second, and a click waits for two drawings.
    await page.bringToFront()
    await button('Play demo').click()
    await overlay.locator('.alert .name').waitFor()
    const seconds = (Date.now() - started) / 1000
    if (JUDGES_TIMES) assert.ok(seconds < 30, `the first alert took ${seconds} s`)

    // Faster, so that the next gifts arrive soon.
    await button('5×').click()
    // The address and the code work as they are.
    await button('Copy address').click()
    await page.getByText('Copied the address').waitFor()
    const address = await clipboard(page)
    assert.equal(address, `${url.replace('http', 'ws')}/`)
    for (const [name, wanted] of [['Browser', 'new WebSocket'], ['Node', '@livetape/client'], ['Python', 'websockets.connect'], ['OBS', '/overlays/alerts.html']]) {
      await button(name).click()
      await button('Copy').click()
      await until(name, async () => (await clipboard(page)).includes(wanted))
    }
    const [builder] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'set up an overlay' }).click()])
    await builder.getByRole('button', { name: 'Copy OBS link' }).waitFor()
    await builder.close()
    await page.bringToFront()
    await button('Browser').click()

    // Clients: name, filter, and a button that disconnects one.
    const closed = page.evaluate((feed) => new Promise((resolve) => {
      const socket = new WebSocket(`${feed}?types=gift&gifts=final`)
      socket.onclose = ({ code }) => resolve(code)
    }), address)
    await page.getByRole('button', { name: '2 clients' }).click()
    // A client without a socket counts too, and every number of clients is the same.
    const leave = new AbortController()
    const streaming = await fetch(new URL('events', url), { signal: leave.signal })
    await page.getByText('1 client reads the feed over HTTP (/events).').waitFor()
    const counts = () => Promise.all([page.locator('.facts span').first(), page.locator('.sections .chip').last(), page.locator('.facts-list div', { hasText: 'Clients' }).locator('dd')].map((it) => it.innerText()))
    assert.deepEqual(await counts(), ['3 clients', '3 clients', '3'])
    leave.abort()
    await streaming.body?.cancel().catch(() => undefined)
    await until('two clients', async () => (await counts()).join() === '2 clients,2 clients,2')
    // Each has a number; an overlay says which one it is.
    await page.locator('.clients li', { hasText: /^#\d+ Alerts\s*Chrome/ }).waitFor()
    const row = page.locator('.clients li', { hasText: 'types=gift&gifts=final' })
    await row.waitFor()
    await row.getByText(/^at event \d/).waitFor()
    await visit.axe()
    await visit.picture(pictures, 'clients')
    await row.getByRole('button', { name: 'Disconnect client' }).click()
    assert.equal(await closed, 1001)
    await row.waitFor({ state: 'detached' })
    // An overlay comes back, as another client with the same name.
    const ofOverlay = page.locator('.clients li', { hasText: /Alerts/ })
    // Its position changes, too, but only another connection has another number.
    const numberOf = async () => /#\d+/.exec((await ofOverlay.allInnerTexts()).join())?.[0]
    const before = await numberOf()
    await ofOverlay.getByRole('button', { name: 'Disconnect client' }).click()
    await page.getByRole('status').filter({ hasText: /Alerts was disconnected\. It is listed again/ }).waitFor()
    await until('the overlay again', async () => (await ofOverlay.count()) === 1 && (await numberOf()) !== before)
    await until('its feed', async () => (await overlay.evaluate(() => overlayClient.getStatus())) === 'connected')
    // The log of clients, beside the events: what they asked for, were sent again, and where they are.
    await button('Client log').click()
    const log = page.locator('.client-log')
    await log.locator('ol li', { hasText: 'types=gift&gifts=final' }).waitFor()
    await log.locator('ol li', { hasText: /was disconnected at event \d.*; .* sent; close code 1001: disconnected in the dashboard/ }).first().waitFor()
    await log.locator('ul li', { hasText: /at event \d/ }).first().waitFor()
    await page.locator('article .here').first().waitFor()
    await page.evaluate((feed) => new Promise((resolve) => (new WebSocket(`${feed}?since=0`).onmessage = resolve)), address)
    await log.locator('ol li', { hasText: /was sent \d+ earlier event/ }).waitFor()
    await visit.axe()
    await visit.picture(pictures, 'client-log')
    await button('Close the client log').click()
    const second = await Visit.open(browser, url)
    await page.getByText('2 dashboards are open').waitFor()
    await second.close()
    await overlay.close()
    await visit.leave()
    return `the first alert after ${seconds.toFixed(1)} s; 4 snippets; a client listed and disconnected`
  })
}

/** Rooms, broadcast and echo by hand in two tabs. */
export async function rooms({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '0'], async ({ url }) => {
    const [first, second] = [await Visit.open(browser, url, { path: '/try', ready: false }), await Visit.open(browser, url, { path: '/try', ready: false })]
    const press = ({ page }, name) => page.getByRole('button', { name, exact: true }).click()
    const line = ({ page }, text) => page.locator('#log li', { hasText: text }).first().waitFor()
    const state = ({ page }, text) => page.locator('#state', { hasText: text }).waitFor()
    // One action: the pages have connected and joined by themselves.
    await state(second, 'in the room general')
    await press(first, 'Send to room')
    await line(second, '"type":"room_message"')
    const name = first.page.getByLabel('Your name')
    await name.fill('two words')
    await press(first, 'Connect')
    await state(first, 'must have 1 to 64 letters')
    await name.fill('first-tab')
    for (const visit of [first, second]) {
      await visit.page.getByLabel('Room', { exact: true }).fill('red')
      await press(visit, 'Connect')
      await state(visit, 'in the room red')
      await visit.page.getByText('Other messages').click()
    }
    const hostile = '<img src=x onerror="document.title=1">'
    await first.page.getByLabel('Message', { exact: true }).fill(hostile)
    await press(first, 'Broadcast and echo')
    await line(first, '"type":"echo"')
    await line(second, '"type":"broadcast"')
    await line(second, '"first-tab"')
    assert.equal(await second.page.title(), 'livetape: try rooms', 'no script ran')
    await press(first, 'Send as binary')
    await line(second, `bytes: ${hostile}`)
    await press(first, 'Ping')
    await line(first, '"type":"pong"')
    // Messages of other programs need not be texts, and may have characters that reverse others.
    await second.page.evaluate((address) => new Promise((resolve) => {
      const socket = new WebSocket(address)
      const send = (message) => socket.send(JSON.stringify(message))
      socket.onmessage = ({ data }) => {
        const { type } = JSON.parse(data)
        if (type === 'welcome') send({ type: 'join_room', room_id: 'red' })
        if (type !== 'room_joined') return
        for (const message of [{ points: [1, null] }, 'a\u202eb\u200bc']) send({ type: 'room_message', room_id: 'red', message })
        resolve()
      }
    }), `${url.replace('http', 'ws')}/ws?feed=0&client_id=other`)
    await line(first, 'other to red: {"points":[1,null]}')
    await line(first, 'other to red: a\\u202eb\\u200bc')
    assert.doesNotMatch(await first.page.locator('#log').innerText(), /\[object|[\u202e\u200b]/)
    await first.axe()
    await first.picture(pictures, 'try')
    // A long name fits a phone.
    await second.page.setViewportSize({ width: 390, height: 844 })
    await second.page.getByLabel('Room', { exact: true }).fill('r'.repeat(128))
    await press(second, 'Connect')
    await state(second, 'in the room rrr')
    await second.picture(pictures, 'try-390')
    assert.equal(await second.page.evaluate(() => document.documentElement.scrollWidth), 390, 'as wide as the window')
    await press(first, 'Leave the room')
    await line(first, '"type":"room_left"')
    await state(first, 'in no room')
    assert.equal(await first.page.getByRole('button', { name: 'Send to room' }).isDisabled(), true)
    for (const visit of [first, second]) {
      await visit.leave()
    }
    return 'broadcast, echo, a room, binary and ping, in two tabs'
  })
}
