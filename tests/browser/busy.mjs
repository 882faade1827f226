// Very many events: the page stays smooth, and its memory bounded.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { Visit } from './page.mjs'
import { ask, until, withServer } from './server.mjs'

const EVENTS = 100_000
/** A page may leave out a frame now and then; it may not stand still. In ms, on a machine that does other things too. */
const GAP_P99_MS_MAX = 100
const number = async (locator) => Number(/[\d,]+/.exec(await locator.innerText())[0].replaceAll(',', ''))

/** Run in the page: the time between frames, until `globalThis.frames.stop`. */
const measure = () => {
  const gaps = []
  let last = performance.now()
  const frame = (now) => {
    gaps.push(now - last)
    last = now
    if (!globalThis.frames.stop) requestAnimationFrame(frame)
  }
  globalThis.frames = { gaps, stop: false }
  requestAnimationFrame(frame)
}

export async function busy({ browser, livetape, pictures }) {
  return withServer(livetape, ['mock', '--port', '0'], async ({ cwd }) => {
    await promisify(execFile)(livetape, ['synth', '--seed', '7', '--size', '30MB', '-o', 'recordings/big.bin'], { cwd })
    const args = ['replay', 'recordings/big.bin', '--port', '0', '--speed', 'max', '--loop']
    return withServer(livetape, args, async ({ url }) => {
      const visit = await Visit.open(browser, url)
      const { page } = visit
      await page.evaluate(measure)
      const started = Date.now()
      const seen = async () => Number((await page.locator('.footer code').innerText()).split(':')[1])
      let scrolled = 0
      await until(`${EVENTS} events`, async () => {
        // Somebody looks around meanwhile.
        await page.locator('.list').hover()
        await page.mouse.wheel(0, scrolled++ % 2 ? 4000 : -3000)
        return (await seen()) >= EVENTS
      }, 240_000)
      const seconds = (Date.now() - started) / 1000
      const gaps = await page.evaluate(() => {
        globalThis.frames.stop = true
        return globalThis.frames.gaps.slice(2).sort((a, b) => a - b)
      })
      const at = (part) => gaps[Math.floor((gaps.length - 1) * part)]
      const drawn = await page.locator('article').count()
      assert.ok(drawn < 120, `${drawn} rows are in the page`)
      assert.ok(gaps.length > 20, 'frames were measured')
      assert.ok(at(0.99) < GAP_P99_MS_MAX, `99 of 100 frames come within ${at(0.99).toFixed(1)} ms`)
      await ask(url, 'replay/pause', { method: 'POST' })
      const held = await number(page.locator('.footer span').first())
      assert.ok(held <= 100_000, `${held} rows are held`)

      // All of them can be reached and searched.
      await page.locator('.list').focus()
      await page.keyboard.press('Home')
      await page.locator('article[data-at="0"]').waitFor()
      await page.keyboard.press('End')
      await page.locator('#search').fill('sent')
      await page.locator('article').first().waitFor()
      await visit.picture(pictures, 'busy')
      visit.clean()
      await visit.close()
      const rate = Math.round((await ask(url, 'replay')) && EVENTS / seconds)
      return `${EVENTS} events at ${rate}/s, ${held} rows held, ${drawn} drawn; ${gaps.length} frames: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`
    }, { folder: cwd })
  })
}
