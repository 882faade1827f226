// Which parts of a local server pages of other origins and from disk can reach, such as the page of the guide for overlays; and the
// addresses that the dashboard shows and is opened at.

import assert from 'node:assert/strict'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

import { ask, until, withServer } from '../support/livetape.mjs'
import { Visit, clipboard } from './page.mjs'

/** Runs in a page: tries everything and returns the results. */
async function tryAll(url) {
  const socket = (address) =>
    new Promise((resolve) => {
      const feed = new WebSocket(address)
      feed.onmessage = ({ data }) => resolve(`event ${JSON.parse(data).type ?? '?'}`)
      feed.onerror = () => resolve('refused')
    })
  const read = (address, init) =>
    fetch(address, init).then(async (answer) => `${answer.status} ${(await answer.text()).length > 0 ? 'read' : 'empty'}`, () => 'refused')
  const events = async () => {
    const stop = new AbortController()
    try {
      const { body } = await fetch(`${url}/events?since=0`, { signal: stop.signal })
      const { value } = await body.getReader().read()
      stop.abort()
      return value.length > 0 ? 'read' : 'empty'
    } catch {
      return 'refused'
    }
  }
  const ws = url.replace('http', 'ws')
  const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
  return {
    feed: await socket(`${ws}/?since=0`),
    talk: await socket(`${ws}/ws`),
    events: await events(),
    health: await read(`${url}/health`),
    pause: await read(`${url}/replay/pause`, json),
    // A request that needs no preflight: the page cannot read the response, but the server would shut down.
    blind: await read(`${url}/shutdown`, { method: 'POST', mode: 'no-cors' }),
  }
}

/** Tries the same from a sandboxed frame, whose origin is `null`. */
async function tryAllFramed([tryAll, url]) {
  const frame = document.createElement('iframe')
  frame.sandbox = 'allow-scripts'
  frame.srcdoc = `<!doctype html><script>(${tryAll})(${JSON.stringify(url)}).then((found) => parent.postMessage(found, '*'))</script>`
  const found = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data), { once: true }))
  document.body.append(frame)
  return found
}

/** Embeds an image, which browsers request without an `Origin` header, and returns whether the browser shows it. */
async function embed(address) {
  const image = document.createElement('img')
  const shown = new Promise((resolve) => {
    image.onload = () => resolve('shown')
    image.onerror = () => resolve('refused')
  })
  image.src = address
  return shown
}

/** Runs a web server under another host name, which the browser is configured to resolve to this machine. */
async function withElsewhere(use) {
  const server = http.createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<title>elsewhere</title>'))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`http://overlay.example:${server.address().port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** The page of the guide for overlays shows a gift. OBS opens it from disk. */
async function guide({ url, cwd }, withPage) {
  const text = await readFile(new URL('../../docs/guides/overlay.md', import.meta.url), 'utf8')
  const [, page] = /`overlay\.html`:\n\n```html\n(.+?)```/s.exec(text)
  await writeFile(path.join(cwd, 'guide.html'), page.replace('ws://127.0.0.1:3000/', url.replace('http', 'ws')))
  await copyFile(new URL('../../examples/livetape-client.js', import.meta.url), path.join(cwd, 'livetape-client.js'))
  // The gift waits for this page, not for the one before.
  await until('no clients', async () => (await ask(url, '/health')).clients === 0)
  await withPage(pathToFileURL(path.join(cwd, 'guide.html')).href, async (page) => {
    // The page shows only the last gift.
    await ask(url, '/replay/pause', { method: 'POST' })
    const gift = JSON.stringify({ type: 'gift', user: 'ann', gift: 'Rose', count: 5 })
    await ask(url, '/inject?wait_clients=1', { method: 'POST', body: gift })
    await page.getByText('ann sent 5 × Rose').waitFor()
  })
}

export async function origins({ browser, livetape }) {
  const withPage = async (address, use) => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(address)
    const found = await use(page)
    await context.close()
    return found
  }
  const visit = (address, url) => withPage(address, (page) => page.evaluate(tryAll, url))
  const visitFramed = (address, url) => withPage(address, (page) => page.evaluate(tryAllFramed, [tryAll.toString(), url]))
  const replay = ['replay', 'demo', '--port', '0']
  const NOTHING = { feed: 'refused', talk: 'refused', events: 'refused', health: 'refused', pause: 'refused' }
  const FEED = { ...NOTHING, feed: 'event connection_created', events: 'read' }
  const fromDisk = async ({ url, cwd }) => {
    const file = path.join(cwd, 'overlay.html')
    await writeFile(file, '<!doctype html><title>from disk</title>')
    const { blind: _, ...found } = await visit(pathToFileURL(file).href, url)
    return found
  }
  const isRefused = ({ blind, ...found }, who) => {
    assert.deepEqual(found, NOTHING, who)
    assert.equal(blind, 'refused', `${who}: a request without a preflight`)
  }
  await withServer(livetape, replay, async (server) => {
    const { url } = server
    await withElsewhere(async (elsewhere) => {
      isRefused(await visit(elsewhere, url), 'another origin')
      isRefused(await visitFramed(elsewhere, url), 'a sandboxed frame of another origin')
      // A sandboxed frame on a local page has no rights either.
      isRefused(await visitFramed(elsewhere.replace('overlay.example', 'localhost'), url), 'a sandboxed frame')
      // A page of another local server only reads, also by an order whose response it could not read.
      const { blind: _, ...found } = await visit(elsewhere.replace('overlay.example', '127.0.0.1'), url)
      assert.deepEqual(found, { ...FEED, health: '200 read' }, 'another local server')
      const icon = await withPage(url, (page) => page.evaluate(() => document.querySelector('link[rel~=icon]').href))
      assert.equal(await withPage(elsewhere, (page) => page.evaluate(embed, icon)), 'refused', 'an image on another site')
      // Links to the dashboard work from any site.
      await withPage(elsewhere, async (page) => {
        await page.evaluate((address) => (location.href = address), url)
        await page.waitForURL(`${url}/`)
        await page.getByText('livetape').first().waitFor()
      })
    })
    assert.deepEqual(await fromDisk(server), NOTHING, 'a page from disk')
    // No request took effect: the server is running and the replay is playing.
    assert.equal((await ask(url, 'replay')).state, 'playing')
  })
  await withServer(livetape, replay, async (server) => {
    assert.deepEqual(await fromDisk(server), FEED, 'a page from disk, allowed')
    await guide(server, withPage)
  }, { env: { LIVETAPE_ORIGINS: 'null' } })
  return withElsewhere((elsewhere) =>
    withServer(livetape, replay, async ({ url }) => {
      const { blind: _shutsDown, ...found } = await visit(elsewhere, url)
      const all = { feed: 'event connection_created', talk: found.talk, events: 'read', health: '200 read', pause: '200 read' }
      assert.deepEqual(found, all, 'an allowed origin')
      assert.match(found.talk, /^event/, 'an allowed origin may use /ws')
      return `${elsewhere.replace(/:\d+$/, '')}, sandboxed, from disk: nothing; another local server: reads; allowed: everything; null allowed: the feed`
    }, { env: { LIVETAPE_ORIGINS: elsewhere } }),
  )
}

/** The dashboard shows the address for TikFinity's overlays; the default section stays open at the first click. */
export async function addresses({ browser, livetape }) {
  return withServer(livetape, ['serve', '0', '--tikfinity=127.0.0.1:0'], async ({ url, said }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.getByRole('button', { name: 'Copy address for TikFinity’s overlays' }).click()
    await page.getByText('Copied the address').waitFor()
    const [, address] = /TikFinity's format on (\S+)/.exec(said())
    assert.equal(await clipboard(page), address)
    const code = page.locator('.snippet')
    await code.waitFor()
    for (const isShown of [true, false, true]) {
      await page.getByRole('button', { name: 'Browser', exact: true }).click()
      assert.equal(await code.isVisible(), isShown)
    }
    await visit.axe()

    await page.emulateMedia({ forcedColors: 'active' })
    const seen = await page.evaluate(() => {
      const style = (selector) => getComputedStyle(document.querySelector(selector))
      return [style('.filters .kind-chat .swatch'), style('.filters .kind-gift .swatch')].map(({ backgroundColor }) => backgroundColor)
    })
    assert.notEqual(seen[0], seen[1], 'swatches keep their colours')
    const chip = page.locator('.filters .kind-chat')
    const border = () => chip.evaluate((it) => [getComputedStyle(it).borderStyle, getComputedStyle(it).borderWidth].join())
    const pressed = await border()
    await chip.click()
    assert.notEqual(await border(), pressed, 'pressed buttons have another border')

    for (const [misspelled, right] of [['/overlays', '/overlays/'], ['/try/', '/try']]) {
      await page.goto(url + misspelled)
      assert.equal(page.url(), url + right)
    }
    await visit.leave()
    const own = await ipv6({ browser, livetape })
    return `TikFinity's address, sections, forced colours, redirects${own}`
  })
}

/** At an IPv6 address, the page connects without a complaint about its policy. */
const ipv6 = ({ browser, livetape }) =>
  withServer(livetape, ['replay', 'demo', '--listen', '[::1]:0'], async ({ url }) => {
    for (const [path, ready] of [['/', true], ['/try', false]]) {
      const visit = await Visit.open(browser, url, { path, ready })
      if (!ready) await visit.page.locator('#log li', { hasText: '"type":"welcome"' }).first().waitFor()
      await visit.leave()
    }
    return ', IPv6'
  })
