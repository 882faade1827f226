// `@livetape/client` in other people's projects: ES modules, CommonJS and Vite. `packages/client/tests/package.test.mjs` compiles it in strict
// TypeScript, and overlays load its script.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import test from 'node:test'

import { chromiumWith, serveFolder, withServer } from '../support/livetape.mjs'

/** Counts the gifts of a show until its end; a page gets the address of the feed in its query. */
const count = (url, done) => `const client = createWebSocketClient({ url: ${url}, autoReconnect: false })
let gifts = 0
client.on('event:gift', ({ data }) => { gifts += data.repeatDelta })
client.on('disconnected', () => { ${done} })
void client.connect()`
const IN_NODE = count('process.argv[2]', 'console.log(gifts)')
const IN_PAGE = count("new URL(location.href).searchParams.get('feed') ?? ''", 'document.title = String(gifts)')
const MODULE = "import { createWebSocketClient } from '@livetape/client'\n"

/** Adds the tests; `project` is a folder in which the package is installed. */
export async function client({ project, run, tools }) {
  const livetape = path.join(project, 'node_modules/.bin/livetape')
  const replay = (use) => withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', 'max', '--wait-clients', '1', '--exit-when-done'], use)
  const write = (name, text) => writeFile(path.join(project, name), text)
  const gifts = async () => {
    const { stdout } = await run(livetape, ['events', 'demo', '--types', 'gift'])
    const events = stdout.trim().split('\n').map((line) => JSON.parse(line))
    return events.reduce((sum, { data }) => sum + data.repeatDelta, 0)
  }

  const modules = { 'use.mjs': MODULE + IN_NODE, 'use.cjs': `const { createWebSocketClient } = require('@livetape/client')\n${IN_NODE}` }
  for (const [name, code] of Object.entries(modules)) {
    test(`the client runs in Node from ${name}`, async () => {
      await write(name, code)
      const { stdout } = await replay(({ ws }) => run('node', [name, `${ws}/`], project))
      assert.equal(Number(stdout), await gifts())
    })
  }

  test('a page with Vite counts the gifts in Chromium', async () => {
    await write('index.html', '<!doctype html><title>-</title><link rel="icon" href="data:,"><script type="module" src="/main.ts"></script>')
    await write('main.ts', MODULE + IN_PAGE)
    await run('node', [path.join(tools, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], project)
    const site = await serveFolder(path.join(project, 'dist'))
    const { chromium } = createRequire(path.join(tools, 'package.json'))('@playwright/test')
    const browser = await chromium.launch(chromiumWith())
    try {
      const opened = await browser.newPage()
      await replay(async ({ ws }) => {
        await opened.goto(`${site.url}/index.html?feed=${encodeURIComponent(`${ws}/`)}`)
        await opened.waitForFunction(() => document.title !== '-', undefined, { timeout: 20_000 })
      })
      assert.equal(Number(await opened.title()), await gifts())
    } finally {
      await browser.close()
      site.close()
    }
  })
}
