// The page at five widths, in light and dark, with names and texts in many scripts.

import assert from 'node:assert/strict'

import { ask, withServer } from '../support/livetape.mjs'
import { Visit, inked } from './page.mjs'

/** Names and texts in other scripts than Latin. */
const SCRIPTS = [
  ['小石_花子', '大家好，初見です。안녕하세요 여러분'],
  ['نجمة_الليل', 'السلام عليكم 🌹 (1) abc!'],
  ['כוכב🦊', 'שלום לכולם'],
  ['ดาวเหนือ', 'สวัสดีครับ 👩‍👩‍👧‍👦 👩🏽‍🚀 🇺🇳'],
]
const [NARROW, DESKTOP, WIDE] = [[360, 740], [1440, 900], [3840, 2160]]
/** From this size on, the page is as large as the window. */
const FITS = [1040, 600]
const SIZES = [NARROW, [768, 1024], [1024, 768], DESKTOP]
const SCHEMES = ['light', 'dark']

/** Runs in the page: elements that reach out of the window, and texts that do not fit into their box, without an ellipsis or scrolling. */
function cutOff() {
  const scrolls = (element) => element !== null && (/auto|scroll/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement))
  // What an ellipsis stands for is not visible at all.
  const isEllipsis = (element) => element !== null && (getComputedStyle(element).textOverflow === 'ellipsis' || isEllipsis(element.parentElement))
  const isCut = (element) => {
    const { overflowX, textOverflow, webkitLineClamp, clipPath } = getComputedStyle(element)
    const { left, right, width } = element.getBoundingClientRect()
    if (!element.checkVisibility() || width === 0 || clipPath !== 'none' || element.closest('[aria-hidden=true]') || isEllipsis(element.parentElement)) return false
    if ((left < -1 || right > innerWidth + 1) && !scrolls(element)) return true
    const isTold = textOverflow === 'ellipsis' || webkitLineClamp !== 'none' || /auto|scroll/.test(overflowX)
    // Long texts in fields scroll.
    return !isTold && !element.matches('input') && (overflowX !== 'visible' || element.matches('button')) && element.scrollWidth > element.clientWidth + 1
  }
  return [...document.querySelectorAll('body *')].filter((element) => element instanceof HTMLElement && isCut(element)).map(({ outerHTML }) => outerHTML.slice(0, 160))
}

/** Layouts: narrow and wide, light and dark, with texts in many scripts. */
export async function looks({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', '20'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.locator('article').nth(8).waitFor()
    // The timeline appears a moment later.
    await page.locator('.legend').waitFor({ state: 'attached' })
    await ask(url, 'replay/pause', { method: 'POST' })
    const inject = (body) => ask(url, 'inject', { method: 'POST', body: JSON.stringify(body) })
    for (const [user, comment] of SCRIPTS) await inject({ type: 'gift', user, gift: comment, diamonds: 50 }).then(() => inject({ type: 'chat', user, comment }))
    const look = async (shows, [width, height], scheme) => {
      const name = `looks-${shows}-${width}-${scheme}`
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme: scheme })
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
      if (shows === 'dashboard') {
        // The feed still shows its last row, and the timeline its bars.
        await page.locator('article', { hasText: SCRIPTS.at(-1)[0] }).last().waitFor()
        assert.ok((await page.evaluate(inked)) > 500, `${name} has no bars`)
      }
      const [grown, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.ok(grown <= seen, `${name} is ${grown} wide, not ${seen}`)
      assert.deepEqual(await page.evaluate(cutOff), [], `${name} cuts something off`)
      if (shows === 'dashboard' && width >= FITS[0] && height >= FITS[1]) {
        // The page fits the window, and its panels scroll.
        await page.mouse.move(width / 2, 20)
        await page.mouse.wheel(0, 5000)
        const [tall, space] = await page.evaluate(() => [document.documentElement.scrollHeight, innerHeight])
        assert.equal(tall, space, `${name} is taller than the window`)
      }
      await visit.picture(pictures, name)
      await visit.axe()
    }
    for (const size of SIZES) for (const scheme of SCHEMES) await look('dashboard', size, scheme)
    await look('dashboard', WIDE, 'light')
    for (const shows of ['overlays/', 'try']) {
      await page.goto(`${url}/${shows}`)
      for (const size of [NARROW, DESKTOP]) for (const scheme of SCHEMES) await look(shows.replace('/', ''), size, scheme)
    }
    // The checks read the canvas, which Chromium comments on.
    visit.clean(/AudioContext|willReadFrequently/)
    await visit.close()
    return `${SIZES.map(([width]) => width).join(', ')} in light and dark, ${WIDE[0]} in light`
  })
}
