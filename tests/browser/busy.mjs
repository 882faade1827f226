// 100,000 events: the page stays smooth and its memory bounded.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { ask, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

const EVENTS = 100_000
/** Limits of the time between frames, in ms: the page may skip frames, but not freeze. */
const [GAP_P50_MS_MAX, GAP_P99_MS_MAX] = [50, 400]
/** Whether times are judged: not by CI, whose machine may be slow or busy, but by `cargo xtask nightly times`. */
const JUDGES_TIMES = process.env.JUDGE_TIMES === '1'
const number = async (locator) => Number(/[\d,]+/.exec(await locator.innerText())[0].replaceAll(',', ''))

/** Runs in the page: scrolls around until enough events have arrived, and measures the time between frames. */
const watch = (events) =>
  new Promise((resolve) => {
    const list = document.querySelector('.list')
    const gaps = []
    let started
    let last
    const frame = (now) => {
      const seq = Number(document.querySelector('.footer code')?.innerText.split(':')[1] ?? 0)
      if (started !== undefined) gaps.push(now - last)
      else if (seq > 1) started = now
      last = now
      // Scrolls up for a while, then stays at the end, while rows are added and removed.
      if (gaps.length % 200 < 100) list.scrollBy(0, -700)
      else if (gaps.length % 200 < 120) list.scrollTop = list.scrollHeight
      if (seq < events) requestAnimationFrame(frame)
      else resolve({ gaps: gaps.sort((a, b) => a - b), seconds: (now - started) / 1000, seq })
    }
    requestAnimationFrame(frame)
  })

export async function busy({ browser, livetape, pictures }) {
  return withServer(livetape, ['mock', '--port', '0'], async ({ cwd }) => {
    await promisify(execFile)(livetape, ['synth', '--seed', '7', '--size', '30MB', '-o', 'recordings/big.bin'], { cwd })
    const args = ['replay', 'recordings/big.bin', '--port', '0', '--speed', 'max', '--loop', '--wait-clients', '1']
    return withServer(livetape, args, async ({ url }) => {
      const visit = await Visit.open(browser, url, { watched: false })
      const { page } = visit
      const watching = page.evaluate(watch, EVENTS)
      // The replay starts with its first client, which filters out everything: the page is an observer and does not count. The page is
      // left alone meanwhile, because a watched socket would slow it down.
      const leave = new AbortController()
      const second = await fetch(new URL('events?types=poll', url), { signal: leave.signal })
      const { gaps, seconds, seq } = await watching
      leave.abort()
      await second.body?.cancel().catch(() => undefined)
      await ask(url, 'replay/pause', { method: 'POST' })
      const at = (part) => gaps[Math.floor((gaps.length - 1) * part)]
      const drawn = await page.locator('article').count()
      assert.ok(drawn > 0 && drawn < 120, `${drawn} rows are drawn`)
      assert.ok(gaps.length > 20, 'frames were measured')
      assert.ok(at(0.5) > 0)
      if (JUDGES_TIMES) {
        assert.ok(at(0.5) < GAP_P50_MS_MAX, `the median time between frames is ${at(0.5).toFixed(1)} ms`)
        assert.ok(at(0.99) < GAP_P99_MS_MAX, `the 99th percentile between frames is ${at(0.99).toFixed(1)} ms`)
      }
      const held = await number(page.locator('.footer span').first())
      assert.ok(held > 0 && held <= 100_000, `${held} rows are stored`)

      // All rows can be reached and searched.
      await page.locator('.list').focus()
      await page.keyboard.press('Home')
      await page.locator('article[data-at="0"]').waitFor()
      await page.keyboard.press('End')
      await page.locator('#search').fill('sent')
      await page.locator('article').first().waitFor()
      await visit.picture(pictures, 'busy')
      visit.clean()
      await visit.close()
      return `${seq} events at ${Math.round(seq / seconds)}/s, ${held} rows stored, ${drawn} drawn; ${gaps.length} frames: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`
    }, { cwd })
  })
}
