// Runs the README's examples unchanged in Node, importing the package by its name.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

import { expect, test } from 'vitest'

import { LIVETAPE, recording, withServer } from '../../../tests/support/livetape.mjs'

/** Maximum compressed size of the browser script, in bytes. */
const BUNDLE_BYTES_MAX = 7 * 1024

const cwd = fileURLToPath(new URL('..', import.meta.url))
const run = async (name, url) => (await promisify(execFile)('node', [`examples/${name}.mjs`, url], { cwd, timeout: 50_000 })).stdout.trim().split('\n')

test('alerts and loop print the gifts of a whole recording', async () => {
  const args = ['replay', recording('gifts'), '--port', '0', '--speed', '1000', '--wait-clients', '2']
  await withServer(LIVETAPE, args, async ({ ws }) => {
    const [alerts, loop] = await Promise.all([run('alerts', ws), run('loop', ws)])
    const sum = alerts.reduce((sum, line) => sum + Number(/ sent .+ x\d+, (\d+) diamonds$/.exec(line)[1]), 0)
    expect(alerts.length).toBeGreaterThan(10)
    expect(loop.at(-1)).toBe(`${sum} diamonds`)
    expect(loop.slice(0, -1).every((line) => line.includes(': '))).toBe(true)
  })
})

test('chat sends a message in a room', async () => {
  await withServer(LIVETAPE, ['serve', '--port', '0'], async ({ ws }) => {
    expect(await run('chat', `${ws}/ws`)).toEqual(['[general-chat] bob: Hello, everyone!'])
  })
})

test('Node 22 and later use their own WebSocket instead of that of ws', async () => {
  await withServer(LIVETAPE, ['serve', '--port', '0'], async ({ ws }) => {
    const script = `import { createWebSocketClient } from '@livetape/client'
      const client = createWebSocketClient({ url: '${ws}/ws', clientId: 'of_node' })
      client.on('welcome', async ({ client_id }) => { await client.joinRoom('r'); console.log(client_id); client.disconnect() })
      await client.connect()`
    const flags = Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-websocket'] : []
    const { stdout } = await promisify(execFile)('node', [...flags, '--input-type=module', '--eval', script], { cwd, timeout: 20_000 })
    expect(stdout.trim()).toBe('of_node')
  })
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
