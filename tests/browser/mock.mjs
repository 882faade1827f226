// A mock TikTok that the server runs: started from the idle page, watched, replaced and stopped, with the mouse alone.

import assert from 'node:assert/strict'

import { ask, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

/** Responses that the server passes on from the mock, which browsers print to the console. */
const REFUSED = /status of (403|429)/

export async function mock({ browser, livetape, pictures }) {
  return withServer(livetape, ['serve', '--port', '0'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const button = (name) => page.getByRole('button', { name, exact: true })
    const scenario = page.getByRole('combobox', { name: 'Scenario' })
    await scenario.waitFor()
    assert.equal(await scenario.inputValue(), 'rate-limited-twice')
    await page.getByText('Returns 429 twice').waitFor()
    await button('Start').click()
    const panel = page.locator('.mock')
    const log = panel.getByRole('list', { name: 'Requests and faults, newest first' })
    await log.locator('.failed', { hasText: '429' }).first().waitFor()
    const retry = await panel.getByText(/^The next attempt starts in \d+ s/).innerText()
    await visit.axe()
    await visit.picture(pictures, 'mock')
    assert.equal(await page.locator('.card.error, .state-why, .refusal').count(), 1, 'one failure is one message')
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor({ timeout: 30_000 })
    await log.getByText('Ack').first().waitFor()
    await log.getByText('WebSocket opened').waitFor()
    await visit.picture(pictures, 'mock-connected')
    // The room is not recorded, so its messages cannot be read again.
    await page.locator('article.kind-chat').first().click()
    await button('Fields').click()
    await page.locator('.details').getByText('This room is not recorded here').waitFor()
    await page.keyboard.press('Escape')
    await panel.getByRole('button', { name: 'Copy address' }).click()
    await page.getByText('Copied the address of the mock').waitFor()
    const rows = await log.locator('li').count()
    await button('Stop').click()
    await panel.waitFor({ state: 'detached' })
    await until('the server is idle', async () => (await ask(url, 'status')).mode === 'idle')
    // A scenario that fails for good leaves its log, and the next one can be started.
    await scenario.selectOption('age-restricted')
    await button('Start').click()
    await page.locator('.state-why, .refusal', { hasText: 'age' }).waitFor()
    await panel.getByText('runs age-restricted').waitFor()
    await scenario.selectOption('stays-open')
    await button('Start').click()
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    await button('Stop').click()
    await panel.waitFor({ state: 'detached' })
    visit.clean(REFUSED)
    await visit.close()
    return `${rows} rows; “${retry}”; three scenarios`
  })
}
