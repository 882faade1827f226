import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

import { cases } from '@livetape/testing'
import { expect, test as base } from '@livetape/testing/playwright'

const TYPES = { html: 'text/html', js: 'text/javascript' }
/** What the overlay once counted wrong: `npx --no-install livetape test --list` describes each case. */
const REGRESSIONS = ['again', 'no-final', 'late-final', 'cut-in-streak']

/** `open(tape)` opens the overlay, from a server on this machine: the feed rejects other pages. */
const test = base.extend({
  open: async ({ page }, use) => {
    const server = createServer(async ({ url }, response) => {
      const { pathname } = new URL(url, 'http://localhost')
      response.setHeader('content-type', TYPES[pathname.split('.').at(-1)])
      response.end(await readFile(new URL(`.${pathname}`, import.meta.url)))
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    await use(async (tape) => {
      await page.goto(`http://127.0.0.1:${server.address().port}/index.html?url=${tape.url}`)
      await tape.waitForClients(1)
    })
    server.close()
  },
})

test('a streak is one row that counts up', async ({ page, open, startTape }) => {
  const tape = await startTape({ hold: true })
  await open(tape)
  await tape.send.gift({ user: 'ann', gift: 'Rose', count: 5, combo: true })
  await tape.send.gift({ user: 'ben', gift: '<b>Lion</b>', diamonds: 100 })
  await expect(page.locator('li')).toHaveText(['ben: 1 × <b>Lion</b>', 'ann: 5 × Rose'])
  await expect(page.locator('#diamonds')).toHaveText('105')
})

for (const { name, right } of cases().filter(({ name }) => REGRESSIONS.includes(name))) {
  test(`${name}: ${right}`, async ({ page, open, startTape }) => {
    const tape = await startTape({ case: name, speed: 'max' })
    await open(tape)
    await tape.finished()
    const { diamonds } = await tape.truth()
    await expect(page.locator('#diamonds')).toHaveText(String(diamonds))
  })
}

test('comes back after a broken connection, and stays away after the end', async ({ page, open, startTape }) => {
  const tape = await startTape({ hold: true })
  await open(tape)
  await tape.drop(1011)
  await tape.waitForClients(1)
  await tape.send.gift({ user: 'ann', gift: 'Rose' })
  await expect(page.locator('#diamonds')).toHaveText('1')
  await tape.drop(1000)
  await expect(page.locator('body')).toHaveClass('ended')
})
