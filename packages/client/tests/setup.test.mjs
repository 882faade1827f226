// The page that sets overlays up.

import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { recording, until } from '../../../tests/support/livetape.mjs'
import { serve } from './given.mjs'
import { BACKDROP, launch, open } from './pages.mjs'

let browser
beforeAll(async () => (browser = await launch()))
afterAll(() => browser.close())

/** Options without a field: which server and which events. */
const NOT_LOOKS = ['url', 'token', 'types', 'user', 'preview']
/** Overlays, and what each shows first. */
const PREVIEWS = [['Alerts', '.alert .name'], ['Leaderboard', 'li'], ['Chat', '.line'], ['Goal', '.bar'], ['Battle', '.side'], ['Viewers', '#viewers']]

/** Opens the page of a server once it lists recordings. */
async function setup(token) {
  const env = { LIVETAPE_RECORDINGS: path.dirname(recording('busy')), ...(token && { LIVETAPE_TOKEN: token }) }
  const { url } = await serve(['serve', '--port', '0'], { env })
  const visit = await open(browser, `${url}/overlays/`, { width: 1440, height: 900 })
  const { page } = visit
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  if (token) {
    // Without Enter or a change of the focus.
    await page.getByLabel('Token of this server').fill(token)
  }
  await until('recordings', async () => (await page.getByLabel('Preview with').locator('option').count()) > 2)
  return { url, visit, page }
}

describe.each([['a server', ''], ['a server that requires a token', 'a-secret-of-16-or-more']])('the setup page of %s', (_, token) => {
  test.each(PREVIEWS)('previews recordings: %s', async (label, rows) => {
    const { page } = await setup(token)
    await page.getByRole('radio', { name: label }).check()
    await page.getByLabel('Preview with').selectOption(label === 'Battle' ? 'battle' : 'busy')
    const fields = await page.locator('#fields [name]').evaluateAll((all) => all.map(({ name }) => name))
    // Each choice above loads the preview again, so that this can meet a document that is about to go.
    const row = page.frameLocator('iframe').locator(rows).first()
    const known = () => row.evaluate(() => Object.keys(options))
    await expect
      .poll(async () => (await known()).filter((name) => !NOT_LOOKS.includes(name)).sort(), { message: label, timeout: 20_000 })
      // The number of viewers has one colour.
      .toEqual([...fields, ...(label === 'Viewers' ? ['accent'] : [])].sort())
  })

  test('gives a link that works', async () => {
    const { url, visit, page } = await setup(token)
    await page.getByLabel('Preview with').selectOption('busy')
    await page.getByRole('radio', { name: 'Alerts' }).check()
    await page.getByLabel('Text size').fill('40')
    await page.frameLocator('iframe').locator('html[style*="40px"] .alert').first().waitFor()
    await visit.picture('air-builder')
    await page.getByRole('button', { name: 'Copy OBS link' }).click()
    await page.getByText('Copied. In OBS').waitFor()
    const link = await page.evaluate(() => navigator.clipboard.readText())
    await page.reload()
    expect(await page.getByRole('radio', { name: 'Alerts' }).isChecked()).toBe(true)
    expect(await page.getByLabel('Text size').inputValue()).toBe('40')
    // The preview reads the same events, so it has to be gone before the overlay can be told from it.
    await visit.close()
    const headers = token ? { authorization: `Bearer ${token}` } : {}
    const readers = async () => (await (await fetch(`${url}/connections`, { headers })).json()).connections.length
    await until('no reader', async () => (await readers()) === 0)
    const overlay = await open(browser, link, { backdrop: BACKDROP })
    await until('a reader', async () => (await readers()) === 1)
    await fetch(`${url}/inject`, { method: 'POST', headers, body: JSON.stringify({ type: 'gift', user: 'ann', gift: 'Rocket', diamonds: 5 }) })
    await overlay.page.getByText('Rocket').waitFor()
    expect(await overlay.page.evaluate(() => getComputedStyle(document.body).fontSize)).toBe('40px')
    // Unlike OBS, this browser waits for a click before it plays sounds.
    expect(overlay.complaints.filter((line) => !line.includes('AudioContext'))).toEqual([])
    expect(overlay.foreign(new URL(url).host)).toEqual([])
    // The first answer without a token is 401.
    expect(visit.complaints.filter((line) => !line.includes('AudioContext') && (!token || !/401|WebSocket/.test(line)))).toEqual([])
  })
})
