// The package as users get it: packed, installed in another project, and used as the READMEs and examples show.

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { eventsOf, recording } from '../../../tests/support/livetape.mjs'
import { serve } from './given.mjs'

const run = promisify(execFile)
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const installed = (name) => path.join(PACKAGE, 'node_modules', name)
/** Hides the global WebSocket of newer versions, as Node 20 has none. */
const LIKE_NODE_20 = typeof WebSocket === 'function' ? ['--no-experimental-websocket'] : []
const REPLAY = ['replay', recording('gifts'), '--port', '0', '--speed', 'max', '--exit-when-done']

let project
beforeAll(async () => {
  project = await mkdtemp(path.join(os.tmpdir(), 'livetape-package-'))
  const into = path.join(project, 'node_modules/@livetape/client')
  await mkdir(into, { recursive: true })
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', project], { cwd: PACKAGE })
  await run('tar', ['--extract', '--strip-components', '1', '--directory', into, '--file', path.join(project, 'livetape-client-0.1.0.tgz')])
})
afterAll(() => rm(project, { recursive: true, force: true }))

/** Returns the first JavaScript snippet of a README, with only its URL replaced. */
async function snippet(readme, from, to) {
  const text = await readFile(new URL(readme, import.meta.url), 'utf8')
  const code = /```js\n(.+?)```/s.exec(text)[1]
  expect(code).toContain(from)
  return code.replace(from, to)
}

/** The gift events that report an increment. */
const gifts = async () => (await eventsOf('gifts', '--types', 'gift')).map(({ data }) => data).filter(({ repeatDelta }) => repeatDelta > 0)

const node = (file, env = {}) => run('node', [...LIKE_NODE_20, file], { cwd: project, env: { ...process.env, ...env }, timeout: 30_000 })

test('without ws, Node 20 reports what to install', async () => {
  await writeFile(path.join(project, 'bare.mjs'), await snippet('../README.md', 'ws://127.0.0.1:3000/', 'ws://127.0.0.1:1/'))
  await expect(node('bare.mjs')).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/Node 20 has no WebSocket[^]*npm install ws/) })
  // Disconnecting at once is not a failure.
  await writeFile(path.join(project, 'brief.mjs'), `import { createWebSocketClient } from '@livetape/client'
    const client = createWebSocketClient({ url: 'ws://127.0.0.1:1/' })
    client.connect()
    client.disconnect()`)
  expect(await node('brief.mjs')).toMatchObject({ stderr: '' })
  await symlink(installed('ws'), path.join(project, 'node_modules/ws'))
})

test('the first snippet of the README runs on Node 20 and counts each gift once', async () => {
  const { ws } = await serve(REPLAY)
  await writeFile(path.join(project, 'first.mjs'), await snippet('../README.md', 'ws://127.0.0.1:3000', ws))
  const lines = (await node('first.mjs')).stdout.trim().split('\n')
  expect(lines).toEqual((await gifts()).map(({ sender, repeatDelta, giftName, diamonds }) => `${sender} sent ${repeatDelta} × ${giftName}, ${diamonds} diamonds`))
})

test('where import() is rejected, as in Jest, ws is loaded anyway', async () => {
  const { ws } = await serve(REPLAY)
  // A script without an importer rejects every import().
  const script = `const { runInThisContext } = require('node:vm')
    const code = require('node:fs').readFileSync(require.resolve('@livetape/client'), 'utf8')
    const loaded = { exports: {} }
    runInThisContext('(function (module, exports) {' + code + '})').call({}, loaded, loaded.exports)
    const client = loaded.exports.createWebSocketClient({ url: '${ws}' })
    client.connect().then(() => console.log('connected'), (error) => console.log(error.code, error.cause)).finally(() => client.disconnect())`
  await writeFile(path.join(project, 'jest.cjs'), script)
  expect((await node('jest.cjs')).stdout).toBe('connected\n')
  // From a folder without ws, the cause is the error of import().
  const { stdout } = await run('node', [...LIKE_NODE_20, path.join(project, 'jest.cjs')], { cwd: os.tmpdir() })
  expect(stdout).toMatch(/no_websocket[^]*ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING/)
})

test('the snippet without a library also counts each gift once', async () => {
  const { ws } = await serve(REPLAY)
  const code = await snippet('../../../README.md', 'ws://localhost:3000', ws)
  // Browsers have a WebSocket; this uses that of ws.
  await writeFile(path.join(project, 'raw.mjs'), `import { WebSocket } from 'ws'\n${code}`)
  const lines = (await node('raw.mjs')).stdout.trim().split('\n')
  expect(lines).toEqual((await gifts()).map(({ sender, repeatDelta, giftName }) => `${sender} sent ${repeatDelta} × ${giftName}`))
})

const USES = {
  'esm.mts': `import { createWebSocketClient, type GiftEvent } from '@livetape/client'
    export const gift = ({ data }: GiftEvent): string => data.giftName
    createWebSocketClient({ url: 'ws://x', types: ['gift'] }).on('event:gift', gift)`,
  'cjs.cts': `import { createWebSocketClient, type GiftEvent } from '@livetape/client'
    import client = require('@livetape/client')
    export const gift = ({ data }: GiftEvent): string => data.giftName
    createWebSocketClient({ url: 'ws://x', types: ['gift'] }).on('event:gift', gift)
    new client.WebSocketClient('ws://x') satisfies client.WebSocketClient`,
  'page.ts': `/// <reference types="@livetape/client/iife" />
    Livetape.createWebSocketClient({ url: 'ws://x', types: ['gift'] }).on('event:gift', ({ data }) => void (data.giftName satisfies string))
    // @ts-expect-error: a type that does not exist
    Livetape.createWebSocketClient({ url: 'ws://x', types: ['gfit'] })`,
}

for (const resolution of ['node16', 'nodenext', 'bundler']) {
  test(`types of import, require and the script, with ${resolution}`, async () => {
    // Bundler resolution does not support CommonJS.
    const uses = Object.entries(USES).filter(([name]) => resolution !== 'bundler' || name !== 'cjs.cts')
    const folder = path.join(project, resolution)
    await mkdir(folder)
    await writeFile(path.join(folder, 'package.json'), '{}')
    for (const [name, code] of uses) await writeFile(path.join(folder, name), code)
    const module = resolution === 'bundler' ? 'esnext' : resolution
    const options = { module, moduleResolution: resolution, target: 'es2022', lib: ['es2022', 'dom'], types: [], strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false }
    await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: uses.map(([name]) => name) }))
    const { stdout } = await run('node', [installed('typescript/bin/tsc'), '--project', folder]).catch((error) => error)
    expect(stdout).toBe('')
  })
}

/** Maximum compressed size of the browser script, in bytes. */
const BUNDLE_BYTES_MAX = 7 * 1024

/** Runs an example of the README unchanged, which imports the package by its name. Returns the lines that it prints. */
const example = async (name, url) => (await run('node', [`examples/${name}.mjs`, url], { cwd: PACKAGE, timeout: 50_000 })).stdout.trim().split('\n')

test('alerts and loop print the gifts of a whole recording', async () => {
  const args = ['replay', recording('gifts'), '--port', '0', '--speed', '1000', '--wait-clients', '2']
  const { ws } = await serve(args)
  const [alerts, loop] = await Promise.all([example('alerts', ws), example('loop', ws)])
  const sum = alerts.reduce((sum, line) => sum + Number(/ sent .+ x\d+, (\d+) diamonds$/.exec(line)[1]), 0)
  expect(alerts.length).toBeGreaterThan(10)
  expect(loop.at(-1)).toBe(`${sum} diamonds`)
  expect(loop.slice(0, -1).every((line) => line.includes(': '))).toBe(true)
})

test('chat sends a message in a room', async () => {
  const { ws } = await serve(['serve', '--port', '0'])
  expect(await example('chat', `${ws}/ws`)).toEqual(['[general-chat] bob: Hello, everyone!'])
})

test('Node 22 and later use their own WebSocket instead of that of ws', async () => {
  const { ws } = await serve(['serve', '--port', '0'])
  const script = `import { createWebSocketClient } from '@livetape/client'
    const client = createWebSocketClient({ url: '${ws}/ws', clientId: 'of_node' })
    client.on('welcome', async ({ client_id }) => { await client.joinRoom('r'); console.log(client_id); client.disconnect() })
    await client.connect()`
  const flags = Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-websocket'] : []
  const { stdout } = await run('node', [...flags, '--input-type=module', '--eval', script], { cwd: PACKAGE, timeout: 20_000 })
  expect(stdout.trim()).toBe('of_node')
})

test('the README names every example', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  for (const name of ['alerts.mjs', 'loop.mjs', 'chat.mjs', 'page.html']) expect(readme).toContain(`examples/${name}`)
})

test('require works, and the browser script is small', async () => {
  const required = createRequire(import.meta.url)('@livetape/client')
  expect(Object.keys(required).sort()).toEqual(['ClientError', 'EventStream', 'RNodeWebSocketClient', 'Room', 'WebSocketClient', 'createWebSocketClient', 'explain', 'isFinal', 'meaningOf'])
  const script = await readFile(new URL('../dist/livetape-client.iife.js', import.meta.url))
  const bytes = gzipSync(script, { level: 9 }).length
  console.log(`livetape-client.iife.js: ${script.length} bytes, ${bytes} compressed, at most ${BUNDLE_BYTES_MAX}`)
  expect(script.length).toBeGreaterThan(0)
  expect(bytes).toBeLessThanOrEqual(BUNDLE_BYTES_MAX)
  const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  expect(manifest.dependencies).toBeUndefined()
})
