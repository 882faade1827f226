// Twenty overlays and the dashboard on a busy show at speed 20: nobody falls behind, and the dashboard stays smooth.

import assert from 'node:assert/strict'

import { ask, until, withServer } from '../support/livetape.mjs'
import { GAP_P50_MS_MAX, GAP_P99_MS_MAX } from './busy.mjs'
import { Visit } from './page.mjs'

const OVERLAYS = ['alerts', 'chat', 'goal', 'leaderboard', 'viewers'].flatMap((name) => Array.from({ length: 4 }, () => name))
/** Time to measure, in ms: more than a lap of the recording at this speed. */
const WATCHED_MS = 12_000

/** Runs in the page: measures the time between frames. */
const watch = (ms) =>
  new Promise((resolve) => {
    const [gaps, end] = [[], performance.now() + ms]
    let last
    const frame = (now) => {
      if (last !== undefined) gaps.push(now - last)
      last = now
      if (now < end) requestAnimationFrame(frame)
      else resolve(gaps.sort((a, b) => a - b))
    }
    requestAnimationFrame(frame)
  })

export async function many({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'recordings/raid.bin', '--port', '0', '--speed', '20', '--loop'], async ({ url, ws }) => {
    const visit = await Visit.open(browser, url, { sockets: false })
    // Frames of one page, because twenty renderers would measure the machine.
    const wall = await Visit.open(browser, url, { path: '/try', ready: false, sockets: false })
    const links = OVERLAYS.map((name) => `${url}/overlays/${name}.html?url=${encodeURIComponent(`${ws}/`)}&sound=0`)
    await wall.page.evaluate((links) => {
      document.body.replaceChildren(...links.map((src) => Object.assign(document.createElement('iframe'), { src, style: 'width:270px;height:210px' })))
    }, links)
    const readers = async () => (await ask(url, 'connections')).connections.filter(({ observer }) => !observer)
    await until('all overlays are connected', async () => (await readers()).length === OVERLAYS.length)
    const before = (await readers()).map(({ id }) => id).sort()
    const gaps = await visit.page.evaluate(watch, WATCHED_MS)
    await wall.picture(pictures, 'many')
    await ask(url, 'replay/pause', { method: 'POST' })
    await until('all overlays have caught up', async () => (await readers()).every(({ lag }) => lag === 0))
    assert.deepEqual((await readers()).map(({ id }) => id).sort(), before, 'no overlay lost its connection')
    const at = (part) => gaps[Math.floor((gaps.length - 1) * part)]
    assert.ok(at(0.5) < GAP_P50_MS_MAX, `the median time between frames is ${at(0.5).toFixed(1)} ms`)
    assert.ok(at(0.99) < GAP_P99_MS_MAX, `the 99th percentile between frames is ${at(0.99).toFixed(1)} ms`)
    const [{ position }] = await readers()
    wall.clean()
    visit.clean()
    await wall.close()
    await visit.close()
    return `${OVERLAYS.length} overlays, ${position} events; ${gaps.length} frames: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`
  })
}
