// The first test of someone who has installed the packages: at most ten lines in each language.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'

/** Maximum time of a first test, in ms. */
const TIME_MS = 120_000

const VITEST = `import { createWebSocketClient } from '@livetape/client'
import { test } from '@livetape/testing/vitest'
import { expect } from 'vitest'
test('counts the diamonds of a show', async ({ startTape }) => {
  const tape = await startTape({ speed: 'max' })
  let diamonds = 0
  const onEvent = ({ type, data }) => (diamonds += type === 'gift' ? data.diamonds : 0)
  await createWebSocketClient({ url: tape.url, onEvent }).connect()
  await expect.poll(() => diamonds).toBe((await tape.finished()).diamonds)
})
`
const PLAYWRIGHT = `import { expect, test } from '@livetape/testing/playwright'
test('shows chats', async ({ page, startTape }) => {
  const tape = await startTape({ hold: true })
  const script = \`new WebSocket('\${tape.url}').onmessage = ({ data }) => (document.body.innerText = JSON.parse(data).data.comment)\`
  await page.route('http://localhost/', (route) => route.fulfill({ contentType: 'text/html', body: \`<body><script>\${script}</script>\` }))
  await page.goto('http://localhost/')
  await tape.waitForClients(1)
  await tape.send.chat({ user: 'ann', comment: 'hello' })
  await expect(page.getByText('hello')).toBeVisible()
})
`
// The page comes from the test instead of a server on this machine, so Chromium would ask before it lets it connect.
const CONFIG = `export default { use: { launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-features=LocalNetworkAccessChecks'] } } }`
const PYTEST = `import livetape as lib
import pytest

@pytest.mark.livetape("demo", speed="max")
def test_counts_the_diamonds_of_a_show(livetape):
    diamonds = 0
    for event in lib.connect(livetape.url):
        if event.type == "disconnected":
            break
        diamonds += event.data["diamonds"] if event.type == "gift" else 0
    assert diamonds == livetape.finished().diamonds
`

export async function first({ project, run, python }) {
  const write = async (name, text) => {
    await mkdir(path.dirname(path.join(project, name)), { recursive: true })
    await writeFile(path.join(project, name), text)
  }
  /** Runs a first test, and expects that one test passed. */
  const passes = async (text, command, args) => {
    assert.ok(text.split('\n').filter((line) => line.trim()).length <= 10)
    const started = Date.now()
    const { stdout, stderr } = await run(command, args, project).catch((error) => error)
    assert.match(stdout, /1 passed/, stderr)
    assert.ok(Date.now() - started < TIME_MS)
  }

  test('the first test with Vitest', async () => {
    await write('first/show.test.mjs', VITEST)
    await passes(VITEST, 'node', ['node_modules/vitest/vitest.mjs', 'run', 'first'])
  })
  test('the first test with Playwright', async () => {
    await write('first/show.spec.mjs', PLAYWRIGHT)
    await write('playwright.config.mjs', CONFIG)
    await passes(PLAYWRIGHT, 'node', ['node_modules/@playwright/test/cli.js', 'test', 'first/show.spec.mjs'])
  })
  test('the first test with pytest', async () => {
    await write('first/test_show.py', PYTEST)
    await passes(PYTEST, python, ['-m', 'pytest', '-q', 'first/test_show.py'])
  })
}
