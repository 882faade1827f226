// `@livetape/client` in other people's projects: ES modules, CommonJS, strict TypeScript, Vite and a plain script.

import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import test from 'node:test'

import { chromiumWith, serveFolder, withServer } from '../support/livetape.mjs'

/** Counts the gifts of a show until its end; a page gets the address of the feed in its query. */
const count = (create, url, done) => `const client = ${create}({ url: ${url}, autoReconnect: false })
let gifts = 0
client.on('event:gift', ({ data }) => { gifts += data.repeatDelta })
client.on('disconnected', () => { ${done} })
void client.connect()`
const IN_NODE = count('createWebSocketClient', 'process.argv[2]', 'console.log(gifts)')
const IN_PAGE = count('createWebSocketClient', "new URL(location.href).searchParams.get('feed') ?? ''", 'document.title = String(gifts)')
const MODULE = "import { createWebSocketClient } from '@livetape/client'\n"
const page = (script) => `<!doctype html><title>-</title><link rel="icon" href="data:,">${script}`

/** Adds the tests; `project` is a folder in which the package is installed. */
export async function client({ project, run, tools }) {
  const livetape = path.join(project, 'node_modules/.bin/livetape')
  const replay = (use) => withServer(livetape, ['replay', 'demo', '--port', '0', '--speed', 'max', '--wait-clients', '1', '--exit-when-done'], use)
  const write = (name, text) => writeFile(path.join(project, name), text)
  const tool = (name, ...args) => run('node', [path.join(tools, 'node_modules', name), ...args], project)
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

  test('the client compiles in strict TypeScript', async () => {
    await write('use.mts', `${MODULE}import type { GiftEvent } from '@livetape/client'\n${IN_PAGE}\nexport const name = ({ data }: GiftEvent): string => data.giftName\n`)
    const strict = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--noEmit', '--target', 'es2022', '--lib', 'es2022,dom']
    const { stdout } = await tool('typescript/bin/tsc', '--module', 'nodenext', ...strict, 'use.mts').catch((error) => error)
    assert.equal(stdout, '')
  })

  test('pages with Vite and with a plain script count the gifts in Chromium', async () => {
    await write('index.html', page('<script type="module" src="/main.ts"></script>'))
    await write('main.ts', MODULE + IN_PAGE)
    await tool('vite/bin/vite.js', 'build', '--logLevel', 'warn')
    const script = path.join(project, 'node_modules/@livetape/client/dist/livetape-client.iife.js')
    await mkdir(path.join(project, 'dist/plain'))
    await writeFile(path.join(project, 'dist/plain/client.js'), await readFile(script))
    const inline = `<script src="client.js"></script><script>const { createWebSocketClient } = Livetape\n${IN_PAGE}</script>`
    await writeFile(path.join(project, 'dist/plain/index.html'), page(inline))
    await inChromium(path.join(project, 'dist'), tools, async (open) => {
      for (const address of ['/index.html', '/plain/index.html']) {
        const shown = await replay(({ ws }) => open(`${address}?feed=${encodeURIComponent(`${ws}/`)}`))
        assert.equal(Number(shown), await gifts(), address)
      }
    })
  })
}

/** Serves a folder, and opens its pages until they set a title. */
async function inChromium(folder, tools, use) {
  const { chromium } = createRequire(path.join(tools, 'package.json'))('@playwright/test')
  const site = await serveFolder(folder)
  const browser = await chromium.launch(chromiumWith())
  try {
    await use(async (address) => {
      const opened = await browser.newPage()
      await opened.goto(`${site.url}${address}`)
      await opened.waitForFunction(() => document.title !== '-', undefined, { timeout: 20_000 })
      return opened.title()
    })
  } finally {
    await browser.close()
    site.close()
  }
}
