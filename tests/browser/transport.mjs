// The replay's controls: with the mouse, with keys, and from two pages.

import assert from 'node:assert/strict'

import { ask, until, withServer } from '../support/livetape.mjs'
import { Visit } from './page.mjs'

export async function transport({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    const other = await Visit.open(browser, url)
    const replay = () => ask(url, 'replay')
    const reach = (what, test) => until(what, async () => test(await replay()))
    const button = (name) => page.getByRole('button', { name, exact: true })
    const slider = page.getByRole('slider')
    await slider.waitFor()

    await button('Pause (space)').click()
    await reach('a pause', ({ state }) => state === 'paused')
    await other.page.getByRole('button', { name: 'Play (space)' }).waitFor()
    const { offsetMs: paused } = await replay()
    await button('Next event (.)').click()
    const { offsetMs: stepped } = await until('a step', async () => {
      const state = await replay()
      return state.offsetMs > paused && state
    })
    await button('Forward 5 seconds (→)').click()
    await reach('five seconds on', ({ offsetMs }) => offsetMs === stepped + 5000)
    await button('Back 5 seconds (←)').click()
    await reach('back again', ({ offsetMs }) => offsetMs === stepped)

    // A click seeks, and the other page follows.
    const { durationMs } = await replay()
    const box = await slider.boundingBox()
    const at = (part) => [box.x + box.width * part, box.y + box.height / 2]
    await page.mouse.click(...at(0.5))
    await reach('the middle', ({ offsetMs }) => Math.abs(offsetMs / durationMs - 0.5) < 0.02)
    await until('the other page to follow', async () => {
      const now = Number(await other.page.getByRole('slider').getAttribute('aria-valuenow'))
      return Math.abs((now * 1000) / durationMs - 0.5) < 0.02
    })

    // A drag loops a range.
    await page.mouse.move(...at(0.25))
    await page.mouse.down()
    await page.mouse.move(...at(0.3), { steps: 5 })
    await page.mouse.move(...at(0.35), { steps: 5 })
    await page.mouse.up()
    await reach('a loop', ({ laps }) => laps === null)
    await page.locator('.range').waitFor()
    await other.page.locator('.loop[aria-pressed=true]').waitFor()
    await visit.picture(pictures, 'transport')
    await visit.axe()
    await page.locator('.loop').click()
    await reach('no loop', ({ laps }) => laps === 1)

    // Speeds: typed, by buttons, and invalid ones.
    const speed = page.getByRole('combobox', { name: /^Speed/ })
    for (const [typed, wanted] of [['3.5', 3.5], ['0,1×', 0.1], ['max', 'max'], ['100', 100], ['1x', 1]]) {
      await speed.fill(typed)
      await speed.press('Enter')
      await reach(`speed ${typed}`, (state) => state.speed === wanted)
      if (wanted === 'max' || wanted === 100) await page.locator('body').press('Home')
    }
    await speed.fill('warp')
    await speed.press('Enter')
    await page.getByText('Enter a speed from 0.1 to 100').waitFor()
    await button('Faster (>)').click()
    await reach('faster', (state) => state.speed === 1.5)
    await button('Slower (<)').click()
    await reach('slower', (state) => state.speed === 1)

    // Keys, as in video players.
    await page.locator('body').click({ position: { x: 5, y: 400 } })
    const press = (key) => page.keyboard.press(key)
    const { state } = await replay()
    await press(' ')
    await reach('space to toggle', (now) => now.state !== state)
    if ((await replay()).state === 'playing') await press(' ')
    await reach('standing still', (now) => now.state === 'paused')
    await press('Home')
    await reach('the start', ({ offsetMs }) => offsetMs === 0)
    await press('Shift+ArrowRight')
    await reach('30 seconds', ({ offsetMs }) => offsetMs === 30_000)
    await press('ArrowLeft')
    await reach('25 seconds', ({ offsetMs }) => offsetMs === 25_000)
    await press('.')
    await reach('a step', ({ offsetMs }) => offsetMs > 25_000)
    await press('>')
    await reach('> to be faster', (now) => now.speed === 1.5)
    await press('<')
    await reach('< to be slower', (now) => now.speed === 1)
    await press('l')
    await reach('l to loop', ({ laps }) => laps === null)
    await press('l')
    await reach('l to stop', ({ laps }) => laps === 1)
    await press('End')
    await reach('the end', ({ offsetMs }) => offsetMs >= durationMs - 1000)

    // Commands from both pages at once: in the end both agree with the server.
    await Promise.all([...Array(6)].map((_, index) => (index % 2 ? visit : other).page.keyboard.press('Home')))
    await other.page.getByRole('button', { name: 'Go to the start (home)' }).click()
    const shown = async ({ page: which }) => which.getByRole('slider').getAttribute('aria-valuenow')
    await until('both pages to agree', async () => (await shown(visit)) === '0' && (await shown(other)) === '0')
    visit.clean()
    other.clean()
    await visit.close()
    await other.close()
    return 'clicks, a drag, 7 speeds and 12 keys; two pages that agree'
  })
}

/** A replay that waits for clients: the dashboard does not count as one, and its Play button starts the replay. */
export async function held({ browser, livetape }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0', '--wait-clients', '1'], async ({ url }) => {
    const visit = await Visit.open(browser, url)
    const { page } = visit
    await page.locator('.phase-waiting').waitFor()
    const { observers } = await ask(url, 'status')
    const { connections } = await ask(url, 'connections')
    assert.deepEqual([observers, connections.map(({ observer }) => observer)], [1, [true]], 'the page is an observer')
    assert.equal((await ask(url, 'replay')).state, 'waiting', 'the page does not start the replay')
    await page.getByRole('button', { name: 'Play (space)' }).click()
    await until('the replay to start', async () => (await ask(url, 'replay')).state === 'playing')
    await page.locator('article').nth(3).waitFor()
    visit.clean()
    await visit.close()
    return 'the page is an observer, and Play starts the replay'
  })
}

/** Layouts: narrow and wide, light and dark. */
export async function looks({ browser, livetape, pictures }) {
  return withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', '20'], async ({ url }) => {
    const sizes = [['narrow', 360, 740, 'light'], ['narrow-dark', 360, 740, 'dark'], ['dark', 1440, 900, 'dark'], ['tablet', 820, 1180, 'light'], ['wide', 3840, 2160, 'light']]
    for (const [name, width, height, scheme] of sizes) {
      const visit = await Visit.open(browser, url, { width, height, scheme })
      await visit.page.locator('article').nth(8).waitFor()
      // The timeline appears a moment later.
      await visit.page.locator('.legend').waitFor({ state: 'attached' })
      const [grown, seen] = await visit.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.ok(grown <= seen, `${name} is ${grown} wide, not ${seen}`)
      await visit.picture(pictures, name)
      await visit.axe()
      visit.clean()
      await visit.close()
    }
    return sizes.map(([name, width]) => `${name} ${width}`).join(', ')
  })
}
