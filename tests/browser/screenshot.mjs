// `node screenshot.mjs <livetape> <png>`: the picture of the dashboard in README.md, a minute into the demo, and a checksum
// of the dashboard, by which a test finds a stale picture.

import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'

import { chromium } from 'playwright-core'

import { ask, chromiumWith, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

/** Played fast up to here, then at the original speed, in ms. */
const FAST_UNTIL_MS = 60_000
/** The charts need some seconds at the original speed, in ms. */
const CHARTS_MS = 6000
/** Every version stays in the history of the repository. */
const PNG_BYTES_MAX = 150 * 1024

const [livetape, png] = process.argv.slice(2).map((argument) => path.resolve(argument))
const browser = await chromium.launch(chromiumWith())
await withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', '5'], async ({ url }) => {
  const { page } = await Visit.open(browser, url, { width: 1200, height: 670, scheme: 'dark', everything: false })
  await page.locator('.legend').waitFor({ state: 'attached' })
  await until('enough has happened', async () => (await ask(url, '/replay')).offsetMs >= FAST_UNTIL_MS)
  await ask(url, '/replay/speed', { method: 'POST', body: '{"speed":1}' })
  await page.waitForTimeout(CHARTS_MS)
  await page.screenshot({ path: png })
})
await browser.close()

const { size } = await stat(png)
if (size > PNG_BYTES_MAX) throw new Error(`${png} has ${size} bytes, more than ${PNG_BYTES_MAX}`)
const dist = fileURLToPath(new URL('../../web/dist', import.meta.url))
let sum = 0
for (const name of (await readdir(dist, { recursive: true })).sort()) {
  const file = path.join(dist, name)
  if ((await stat(file)).isFile()) sum = crc32(await readFile(file), sum)
}
await writeFile(`${png}.crc32`, `web/dist ${sum.toString(16).padStart(8, '0')}\n`)
console.log(`${png}: ${size} bytes`)
