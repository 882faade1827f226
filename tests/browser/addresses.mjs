// Addresses that the dashboard shows and is opened at, and its colours in a high-contrast mode.

import assert from 'node:assert/strict'

import { withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

/** The dashboard shows the address for TikFinity's overlays; the default section stays open at the first click. */
export async function addresses({ browser, livetape }) {
  const env = { LIVETAPE_TIKFINITY_LISTEN: '127.0.0.1:0' }
  return withServer(livetape, ['serve', '0', '--tikfinity'], async ({ url, said }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.getByRole('button', { name: 'Copy address for TikFinity’s overlays' }).click()
    await page.getByText('Copied the address').waitFor()
    const [, address] = /TikFinity's format on (\S+)/.exec(said())
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address)
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
    visit.clean()
    await visit.close()
    const own = await ipv6({ browser, livetape })
    return `TikFinity's address, sections, forced colours, redirects${own}`
  }, { env })
}

/** At an IPv6 address, the page connects without a complaint about its policy. */
const ipv6 = ({ browser, livetape }) =>
  withServer(livetape, ['replay', 'demo', '--listen', '[::1]:0'], async ({ url }) => {
    for (const [path, ready] of [['/', true], ['/try', false]]) {
      const visit = await Visit.open(browser, url, { path, ready })
      if (!ready) await visit.page.locator('#log li', { hasText: '"type":"welcome"' }).first().waitFor()
      visit.clean()
      await visit.close()
    }
    return ', IPv6'
  })
