// An overlay with planted bugs, on a page: the tests that find them. bots.test.mjs runs this.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

import { expect, test } from '@livetape/testing/playwright'
import { BUGS } from './diamonds.mjs'

const LIMITED_ONCE = '[[fault]]\nat = ["sign"]\nkind = "status"\nstatus = 429\nretry_after = 1\ntimes = 1'
const PAGE = `<!doctype html><output>0</output><script type="module">
  import { addUpDiamonds } from './diamonds.mjs'
  const [feedUrl, bug] = ['feed', 'bug'].map((name) => new URLSearchParams(location.search).get(name))
  const reconnects = new Promise((resolve) => (window.reconnect = resolve))
  await addUpDiamonds({ feedUrl, signUrl: '/sign', bug, show: (diamonds) => (document.querySelector('output').textContent = diamonds), again: () => reconnects })
</script>`

/** Serves the overlay. Passes requests on to the sign server, as the server of an overlay does. */
async function serve(mock) {
  const answer = async ({ url }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(PAGE)
    if (pathname === '/diamonds.mjs') return response.setHeader('content-type', 'text/javascript').end(await readFile(new URL('diamonds.mjs', import.meta.url)))
    if (pathname !== '/sign') return response.writeHead(404).end()
    const signed = await fetch(`${mock.url}/webcast/fetch?unique_id=ann`)
    return response.writeHead(signed.status, { 'retry-after': signed.headers.get('retry-after') ?? '' }).end()
  }
  const server = createServer((request, response) => answer(request, response).catch(() => response.destroy()))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** Starts a tape and opens the overlay. */
async function open({ page, startTape }, bug, options) {
  const tape = await startTape({ speed: 'max', mock: {}, ...options })
  const server = await serve(tape.mock)
  page.on('close', () => server.close())
  await page.goto(`http://127.0.0.1:${server.address().port}/?${new URLSearchParams({ feed: tape.url, bug: bug ?? '' })}`)
  return tape
}

const shows = (page, diamonds) => expect(page.locator('output')).toHaveText(String(diamonds), { timeout: 5_000 })

const CHECKS = {
  async 'ignores Retry-After'(fixtures, bug) {
    const tape = await open(fixtures, bug, { hold: true, mock: { toml: LIMITED_ONCE } })
    await tape.mock.waitFor('/webcast/fetch', 2)
    await expect(tape.mock).toHaveWaited(1_000)
  },

  async 'counts every streak frame'(fixtures, bug) {
    const tape = await open(fixtures, bug, { end: 1 })
    await tape.waitForClients(1)
    await tape.send.gift({ user: 'ann', gift: 'Rose', count: 5, combo: true })
    await shows(fixtures.page, (await tape.finished()).diamonds)
  },

  async 'does not resume'(fixtures, bug) {
    const tape = await open(fixtures, bug, { hold: true })
    await tape.waitForClients(1)
    await tape.send.gift({ user: 'ann', gift: 'Rose' })
    await shows(fixtures.page, 1)
    await tape.drop(1011)
    await tape.send.gift({ user: 'ann', gift: 'Rose', count: 7 })
    await fixtures.page.evaluate(() => window.reconnect())
    await tape.waitForClients(1)
    await shows(fixtures.page, 8)
  },

  async 'dies of an unhandled rejection'(fixtures, bug) {
    const tape = await open(fixtures, bug, { hold: true })
    await tape.waitForClients(1)
    await tape.send.viewers({ viewerCount: 12 })
    await tape.send.gift({ user: 'ann', gift: 'Rose', count: 5 })
    await shows(fixtures.page, 5)
  },
}

for (const bug of BUGS) {
  test(`healthy: ${bug}`, async ({ page, startTape }) => CHECKS[bug]({ page, startTape }, undefined))
  test(bug, async ({ page, startTape }) => CHECKS[bug]({ page, startTape }, bug))
}
