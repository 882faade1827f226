// The browser script in Chromium, with the same guarantees as in Node.

import { execFile } from 'node:child_process'
import http from 'node:http'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { LIVETAPE, recording, start, until, withServer } from '../../../tests/support/livetape.mjs'
import { isBroken, launch, ofDisk, open } from './pages.mjs'
import { proxy } from '../../../tests/support/wire.mjs'

const BUNDLE = fileURLToPath(new URL('../dist/livetape-client.iife.js', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../examples/page.html', import.meta.url))
/** Twenty events or so. */
const BYTES_UNTIL_BREAK = 16 << 10

let browser
let site
beforeAll(async () => {
  browser = await launch()
  // A local web page has full access; a page from disk may read the feed.
  site = http.createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>x</title><link rel="icon" href="data:,">'))
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await browser.close()
  site.close()
})

async function visit(use) {
  const opened = await open(browser, `http://127.0.0.1:${site.address().port}/`)
  await opened.page.addScriptTag({ path: BUNDLE })
  await use(opened.page)
  expect(opened.complaints.filter((line) => !isBroken(line))).toEqual([])
  await opened.close()
}

test('the example shows the chats of a recording from disk', async () => {
  await withServer(LIVETAPE, ['replay', recording('demo'), '--port', '0', '--speed', '200', '--wait-clients', '1'], async ({ ws }) => {
    const opened = await open(browser, `${ofDisk(EXAMPLE)}?url=${encodeURIComponent(`${ws}/`)}`)
    await until('some chats', async () => (await opened.page.locator('#chat li').count()) > 20)
    expect(opened.complaints).toEqual([])
    await opened.close()
  })
})

test('delivers each event once and in order over a connection that breaks many times', async () => {
  await withServer(LIVETAPE, ['replay', recording('demo'), '--port', '0', '--speed', '60', '--wait-clients', '1'], async (server) => {
    const wire = await proxy(() => server.port, { bytes: () => BYTES_UNTIL_BREAK })
    await visit(async (page) => {
      await page.evaluate(async (url) => {
        const client = Livetape.createWebSocketClient({ url, gifts: 'raw', reconnectDelay: 10, maxReconnectDelay: 100, maxReconnectAttempts: Infinity })
        globalThis.seen = { client, events: [], losses: [] }
        client.on('loss', (loss) => seen.losses.push(loss))
        client.on('event', (event) => seen.events.push(event))
        await client.connect()
      }, wire.ws)
      await until('the end', () => page.evaluate(() => seen.events.at(-1)?.type === 'disconnected'), 50_000)
      const { events, losses, stats } = await page.evaluate(() => ({ events: seen.events, losses: seen.losses, stats: seen.client.getStats() }))
      const { stdout } = await promisify(execFile)(LIVETAPE, ['events', recording('demo')], { maxBuffer: 64 << 20 })
      const unplaced = ({ stream: _, ...event }) => event
      expect(events.map(unplaced)).toEqual(stdout.trim().split('\n').map((line) => unplaced(JSON.parse(line))))
      expect(losses).toEqual([])
      expect(stats.connections).toBeGreaterThan(20)
      console.log(`${events.length} events over ${stats.connections} connections, ${stats.repeated} repeated`)
    })
    await wire.close()
  })
})

test('reports a restarted server as a new stream', async () => {
  const args = ['replay', recording('short'), '--port', '0', '--speed', '5']
  let server = await start(LIVETAPE, args)
  const wire = await proxy(() => server.port)
  await visit(async (page) => {
    await page.evaluate(async (url) => {
      const client = Livetape.createWebSocketClient({ url, since: 0, reconnectDelay: 50, maxReconnectDelay: 100, maxReconnectAttempts: Infinity })
      globalThis.told = []
      for (const name of ['loss', 'streamChanged']) client.on(name, (what) => told.push([name, what]))
      const first = new Promise((resolve) => client.once('event', resolve))
      await client.connect()
      await first
    }, wire.ws)
    await server.stop('SIGKILL')
    server = await start(LIVETAPE, args)
    await until('the news', () => page.evaluate(() => told.length >= 2))
    const told = await page.evaluate(() => globalThis.told)
    expect(told.map(([name]) => name)).toEqual(['loss', 'streamChanged'])
    expect(told[0][1].reason).toBe('stream_changed')
    expect(told[0][1].after.split(':')[0]).toBe(told[1][1].from)
  })
  await wire.close()
  await server.stop()
})

test('supports rooms, history, binary messages, tokens and final close codes', async () => {
  const token = 'a-token-of-this-test-0123456789'
  await withServer(LIVETAPE, ['serve', '--port', '0'], async ({ url, ws }) => {
    await visit(async (page) => {
      const found = await page.evaluate(async ({ url, token }) => {
        const [one, two] = ['one', 'two'].map((clientId) => new Livetape.RNodeWebSocketClient(url, clientId, { token }))
        await Promise.all([one.connect(), two.connect()])
        const [room] = await Promise.all([one.joinRoom('r'), two.joinRoom('r')])
        const heard = new Promise((resolve) => two.once('roomMessage', (...args) => resolve(args)))
        await room.send('hello')
        const bytes = new Promise((resolve) => two.once('binary', (buffer) => resolve([...new Uint8Array(buffer)])))
        const said = await heard
        await one.send(Uint8Array.of(1, 2, 255))
        const over = new Promise((resolve) => one.once('disconnected', resolve))
        globalThis.clients = { one, two, over }
        return { said, bytes: await bytes, history: two.getRoom('r').getMessageHistory().map(({ message }) => message) }
      }, { url: `${ws}/ws`, token })
      expect(found).toEqual({ said: ['r', 'hello', 'one'], bytes: [1, 2, 255], history: ['hello'] })
      await fetch(`${url}/connections/one/close`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify({ code: 4000, reason: 'enough' }) })
      expect(await page.evaluate(async () => [await clients.over, clients.one.getStatus()])).toEqual([{ code: 4000, reason: 'enough', meaning: 'close code 4000', final: true }, 'disconnected'])
    })
  }, { env: { LIVETAPE_TOKEN: token } })
})
