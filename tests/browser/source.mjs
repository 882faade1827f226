// Connecting users, against the mock; and a server that goes and comes.

import assert from 'node:assert/strict'

import { ask, scenario, start, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

const REFUSED = /Failed to load resource/
/** What the mock of `rate-limited-twice` asks for, and a bit. */
const ASKED_TO_WAIT_MS = 2500

async function withRoom(livetape, name, use) {
  const mock = name ? ['--scenario', scenario(name)] : []
  return withServer(livetape, ['mock', '--port', '0', ...mock], ({ url: upstream, cwd }) =>
    withServer(livetape, ['serve', '0', '--upstream', upstream], use, { cwd }),
  )
}

const type = async (page, user) => {
  await page.getByRole('textbox', { name: 'TikTok user' }).fill(user)
  await page.getByRole('button', { name: 'Connect', exact: true }).click()
}

export async function source({ browser, livetape, pictures }) {
  // A room that is live.
  await withRoom(livetape, undefined, async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.getByText('Nothing is connected or playing').waitFor()
    await type(page, 'https://www.tiktok.com/@demo?lang=en')
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    assert.equal((await ask(url, 'status')).username, 'demo')
    await page.locator('article.kind-chat').first().waitFor()
    await page.getByRole('button', { name: 'Disconnect' }).click()
    await page.locator('.state-idle, .state-ended').waitFor()
    visit.clean()
    await visit.close()
  })
  // A user who is not: the look-up says why, and nothing is tried.
  await withRoom(livetape, 'offline', async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await type(page, 'demo')
    await page.locator('.refusal', { hasText: 'User is not live' }).waitFor()
    assert.equal((await ask(url, 'status')).attempt, 0, 'nothing was tried')
    await visit.axe()
    await page.getByRole('button', { name: 'Connect anyway' }).click()
    const message = page.locator('.card.error', { hasText: 'user_offline' })
    await message.waitFor()
    // The feed tells the same as the answer: one message, by one name.
    await page.locator('article', { hasText: 'disconnected' }).waitFor()
    assert.equal(await page.locator('.card.error').count(), 1, 'one failure is one message')
    // Eight seconds, but not while somebody points at it.
    const shown = Date.now()
    await message.waitFor({ state: 'detached', timeout: 14_000 })
    const stayed = Date.now() - shown
    assert.ok(stayed > 6000 && stayed < 13_000, `it stayed for ${stayed} ms`)
    await type(page, 'demo')
    await page.getByRole('button', { name: 'Connect anyway' }).click()
    await message.hover()
    await visit.picture(pictures, 'error')
    await visit.axe()
    await page.getByRole('button', { name: 'Dismiss' }).first().click()
    await page.locator('.card.error').waitFor({ state: 'detached' })
    visit.clean(REFUSED)
    await visit.close()
  })
  // A room that is refused for a while: attempts, and when the next follows.
  return withRoom(livetape, 'rate-limited-twice', async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await type(page, 'demo')
    // The look-up is refused, and so is whoever asks before the time is up; then it is tried again by itself.
    const anyway = page.getByRole('button', { name: 'Connect anyway' })
    await anyway.waitFor()
    await page.waitForTimeout(ASKED_TO_WAIT_MS)
    await anyway.click()
    const said = await page.locator('.countdown').innerText()
    assert.match(said, /^next try in \d+ s$/)
    await until('a countdown that counts', async () => {
      const now = await page.locator('.countdown').allInnerTexts()
      return now[0] !== said
    })
    await page.locator('.state-connected').waitFor({ timeout: 60_000 })
    visit.clean(REFUSED)
    await visit.close()
    return `connected, refused with the reason, retried (“${said}”)`
  })
}

/** Nothing of the page says that all is well, and the banner is as wide as the window. */
async function saysAway(page) {
  await page.getByText('The server does not answer').waitFor()
  await page.locator('.state-away', { hasText: 'Server not responding' }).waitFor()
  await page.locator('.link-waiting, .link-connecting, .link-silent').waitFor()
  assert.equal(await page.locator('.state-connected, .link-open, .phase-playing').count(), 0, 'nothing is green')
  for (const width of [1440, 820, 360]) {
    await page.setViewportSize({ width, height: 900 })
    const { x, width: found } = await page.locator('.banner').boundingBox()
    assert.deepEqual([x, found], [0, width], 'the banner spans the page')
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}

/** From idle and back: a recording, a user, a recording, on one page and without a dead end. */
export async function idle({ browser, livetape, pictures }) {
  return withRoom(livetape, undefined, async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const load = page.locator('.tape-row', { hasText: 'short' }).getByRole('button', { name: 'Load', exact: true })
    const button = (name) => page.getByRole('button', { name, exact: true })
    const isIdle = async () => {
      await page.locator('.state-idle, .state-ended').waitFor()
      const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
      await button('Connect a TikTok user').click()
      assert.equal(await focused(), 'TikTok user')
      await until('a Load button', () => load.isEnabled())
      await button('Load a recording').click()
      assert.equal(await focused(), 'Load')
    }
    const plays = async () => {
      await load.click()
      await page.locator('.transport .tape', { hasText: 'short' }).waitFor()
      await until('a replay', async () => (await ask(url, 'replay')).recording === 'short')
      await until('no connecting meanwhile', () => page.getByRole('textbox', { name: 'TikTok user' }).isDisabled())
    }
    await isIdle()
    await visit.picture(pictures, 'idle')
    await visit.axe()
    await plays()
    await button('Disconnect').click()
    await isIdle()
    await type(page, 'demo')
    await page.locator('.state-connected', { hasText: '@demo' }).waitFor()
    await until('no loading meanwhile', () => load.isDisabled())
    await button('Disconnect').click()
    await isIdle()
    // To the end of the recording, which can be disconnected as well.
    await plays()
    await page.locator('body').press('End')
    await button('Play (space)').waitFor()
    await until('the end', async () => (await ask(url, 'replay')).state === 'ended')
    await button('Disconnect').click()
    await isIdle()
    visit.clean()
    await visit.close()
    return 'loaded, disconnected, connected, disconnected, loaded, played to its end, disconnected'
  })
}

/** A room that ended or failed, with `live --stay`: the dashboard says what to do next. */
export async function stay({ browser, livetape, pictures }) {
  return withServer(livetape, ['mock', '--port', '0', '--scenario', scenario('offline')], ({ url: upstream, cwd }) =>
    withServer(livetape, ['live', 'demo', '--stay', '--port', '0', '--upstream', upstream], async ({ url }) => {
      const visit = await Visit.open(browser, url)
      const { page } = visit
      await page.locator('.state-ended .state-why').waitFor()
      await page.getByRole('button', { name: 'Load a recording' }).waitFor()
      await visit.picture(pictures, 'stay')
      await page.locator('.tape-row', { hasText: 'short' }).getByRole('button', { name: 'Load', exact: true }).click()
      await page.locator('.transport .tape', { hasText: 'short' }).waitFor()
      visit.clean()
      await visit.close()
      return 'the next step after a user who is offline, and a recording loaded instead'
    }, { cwd }),
  )
}

/** The server goes, and another comes at its place. */
export async function restart({ browser, livetape, pictures }) {
  return withServer(livetape, ['mock', '--port', '0'], async ({ cwd }) => {
    const first = await start(livetape, ['replay', 'demo', '--port', '0', '--speed', '20'], { cwd })
    const visit = await Visit.open(browser, first.url)
    const { page } = visit
    await page.locator('article').nth(3).waitFor()
    await first.stop()
    await saysAway(page)
    await visit.picture(pictures, 'away')
    const second = await start(livetape, ['replay', 'demo', '--port', String(first.port), '--speed', '20'], { cwd })
    await page.locator('.link-open').waitFor({ timeout: 30_000 })
    await page.getByText('1 interruption with an unknown loss').waitFor()
    await page.getByText('The server does not answer').waitFor({ state: 'detached' })
    // One that hangs keeps its sockets open.
    process.kill(second.pid, 'SIGSTOP')
    await saysAway(page)
    process.kill(second.pid, 'SIGCONT')
    await page.locator('.link-open').waitFor()
    await page.locator('.state-connected').waitFor()
    visit.clean(REFUSED, /WebSocket connection to/)
    await visit.close()
    await second.stop()
    return 'away is said, the new stream is announced as a loss'
  })
}
