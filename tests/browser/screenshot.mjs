// `node screenshot.mjs <livetape> <png>`: the picture of the dashboard in README.md, a minute into the demo.

import path from 'node:path'

import { chromium } from 'playwright-core'

import { ask, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

/** Played fast up to here, then at the original speed, in ms. */
const FAST_UNTIL_MS = 60_000
/** The charts need some seconds at the original speed, in ms. */
const CHARTS_MS = 6000

const [livetape, png] = process.argv.slice(2).map((argument) => path.resolve(argument))
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // CI runs as root in a container, where Chromium's sandbox does not start.
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
})
await withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', '5'], async ({ url }) => {
  const { page } = await Visit.open(browser, url, { width: 1200, height: 740, scheme: 'dark' })
  await page.locator('.legend').waitFor({ state: 'attached' })
  await page.locator('.chip.kind-other').click()
  await until('enough has happened', async () => (await ask(url, '/replay')).offsetMs >= FAST_UNTIL_MS)
  await ask(url, '/replay/speed', { method: 'POST', body: '{"speed":1}' })
  await page.waitForTimeout(CHARTS_MS)
  await page.screenshot({ path: png })
})
await browser.close()
