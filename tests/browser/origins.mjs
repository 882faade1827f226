// Pages of others: what they can reach of a server on this machine.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

import { ask, withServer } from '../support/livetape.mjs'

/** Run in a page: tries everything, and says what came of it. */
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
    // What a form can send without asking first; the answer is not for it to read, the deed would be done.
    blind: await read(`${url}/shutdown`, { method: 'POST', mode: 'no-cors' }),
  }
}

/** A web server under a name that is not loopback's: the browser is told that it is here. */
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

export async function origins({ browser, livetape }) {
  const visit = async (address, url) => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(address)
    const found = await page.evaluate(tryAll, url)
    await context.close()
    return found
  }
  const replay = ['replay', 'demo', '--port', '0']
  const NOTHING = { feed: 'refused', talk: 'refused', events: 'refused', health: 'refused', pause: 'refused' }
  const { blind: _, ...seenFromFile } = await withServer(livetape, replay, async ({ url, cwd }) => {
    await withElsewhere(async (elsewhere) => {
      const { blind, ...found } = await visit(elsewhere, url)
      assert.deepEqual(found, NOTHING, 'another origin')
      assert.equal(blind, '0 empty', 'sent, and not to be read')
    })
    const file = path.join(cwd, 'overlay.html')
    await writeFile(file, '<!doctype html><title>from disk</title>')
    const found = await visit(pathToFileURL(file).href, url)
    // Everybody's requests were refused: it runs, and it plays.
    assert.equal((await ask(url, 'replay')).state, 'playing')
    return found
  })
  assert.deepEqual(seenFromFile, { ...NOTHING, feed: 'event connection_created', events: 'read' }, 'a page from disk')
  return withElsewhere((elsewhere) =>
    withServer(livetape, replay, async ({ url }) => {
      const { blind: _shutsDown, ...found } = await visit(elsewhere, url)
      const all = { feed: 'event connection_created', talk: found.talk, events: 'read', health: '200 read', pause: '200 read' }
      assert.deepEqual(found, all, 'an origin that is on the list')
      assert.match(found.talk, /^event/, 'an origin that is on the list may talk')
      return `${elsewhere.replace(/:\d+$/, '')}: nothing; on the list: all; from disk: the feed`
    }, { env: { LIVETAPE_ORIGINS: elsewhere } }),
  )
}
