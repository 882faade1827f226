// The usage examples of RNode Server, on whose API this one is modelled. `seed/usage.md` contains its blocks unchanged. Each runs with the changes
// listed here, which the README explains; a change that is not needed fails. Clients are `@livetape/client` and plain `ws`.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { Client, connected, createWebSocketClient, deferred, start } from './support.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
/** Below the package, so that its modules can import `@livetape/node`. */
const FOLDER = here('../dist/seed/')
const CLIENT = [/@rnode\/websocket-client|\.\.\/src/, '@livetape/client']

/** The blocks, in order. The usage of the client's class is a comment there. */
const text = readFileSync(here('seed/usage.md'), 'utf8')
const blocks = [...text.matchAll(/^(?: \* )?```typescript\n(.*?)^(?: \* )?```$/gms)].map(([, code]) => code.replace(/^ \* ?/gm, ''))
const [usage, types, reconnecting, chat, both] = blocks

/** What each block needs to run here, as pairs of old and new text. */
const CHANGES = {
  usage: [['npm install @rnode/websocket-client', ''], CLIENT, ["'ws://localhost:3000/chat'", '`${process.env.SEED_URL}/chat/ws`'], ['onConnect: (event: WebSocketEvent)', 'onConnect: (event)']],
  types: [],
  reconnecting: [[/^/, "import { RNodeWebSocketClient } from '@livetape/client'\n"], ["'ws://localhost:3000/ws'", '`${process.env.SEED_URL}/ws`'], [/$/, 'await client.connect()\n']],
  chat: [CLIENT, ["'ws://localhost:3000/ws'", '`${process.env.SEED_URL}/ws`'], [/$/, 'export {}\n']],
  both: [[/^/, "import { RNodeApp } from '@livetape/node'\n"], ['// Клиент', 'const { port } = await app.listen(0)\n'], CLIENT, ["'ws://localhost:3000/ws'", '`ws://localhost:${port}/ws`']],
}
/** Exported by modules that the test must close. */
const EXPORTS = { usage: 'client', reconnecting: 'client', both: 'app, client, port' }

/** The API of `@livetape/node` has the types of the seed. */
const API = `import { createApp, type Handlers } from '@livetape/node'
import type { WebSocketManager, WebSocketOptions } from './types.mjs'
export const manager: WebSocketManager = createApp()
export const handlers = (options: WebSocketOptions): Handlers => options
`

/** Writes the blocks as modules, and compiles them with strict types. */
function build() {
  rmSync(FOLDER, { recursive: true, force: true })
  const client = `${FOLDER}node_modules/@livetape/client`
  mkdirSync(client, { recursive: true })
  writeFileSync(`${client}/package.json`, '{ "type": "module", "exports": { "types": "./index.d.ts", "default": "./index.js" } }')
  writeFileSync(`${client}/index.js`, `export { createWebSocketClient, RNodeWebSocketClient } from '${new URL('support.mjs', import.meta.url)}'\n`)
  writeFileSync(`${client}/index.d.ts`, `export * from '${here('../../client/src/index.js')}'\n`)
  for (const [name, code] of Object.entries({ usage, types, reconnecting, chat, both })) {
    const changed = CHANGES[name].reduce((code, [from, to]) => {
      const next = code.replace(from, () => to)
      assert.notEqual(next, code, `${name} does not need the change of ${from}`)
      return next
    }, code)
    writeFileSync(`${FOLDER}${name}.mts`, EXPORTS[name] ? `${changed}\nexport { ${EXPORTS[name]} }\n` : changed)
  }
  writeFileSync(`${FOLDER}api.mts`, API)
  const options = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--lib', 'es2022,dom,esnext.disposable', '--types', 'node', '--skipLibCheck', '--ignoreConfig']
  const files = ['usage', 'types', 'reconnecting', 'chat', 'both', 'api'].map((name) => `${name}.mts`)
  const { stdout } = spawnSync(process.execPath, [here('../node_modules/typescript/bin/tsc'), ...options, ...files], { cwd: FOLDER, encoding: 'utf8' })
  assert.equal(stdout, '')
}

/** Runs a block against a server; returns its exports and what it logs. */
async function run(t, name, server) {
  const log = []
  t.mock.method(console, 'log', (...args) => void log.push(args.join(' ')))
  t.mock.method(console, 'error', (...args) => void log.push(`error: ${args.join(' ')}`))
  process.env.SEED_URL = server
  return { log, ...(await import(`${FOLDER}${name}.mjs`)) }
}

/** Waits until a block has logged this many lines. */
async function logged(log, count) {
  while (log.length < count) await new Promise((resolve) => setTimeout(resolve, 5))
  return log
}

/** Returns the texts in the calls of `console.log` of a block, in order. */
const said = (code) => [...code.matchAll(/console\.log\(['`](.*?)['`]/g)].map(([, text]) => text)

test('the types of the blocks and of the API agree', () => {
  assert.equal(blocks.length, 5)
  build()
})

test('the usage of the client runs: it connects, joins and sends at once', { timeout: 20_000 }, async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/chat/ws', {}))
  const plain = await Client.open(url('/chat/ws?client_id=plain'))
  await plain.join('general')
  const { log, client } = await run(t, 'usage', url(''))
  t.after(() => client.disconnect())
  const { message, from_client_id } = await plain.json()
  const [opened, received] = said(usage)
  assert.deepEqual(await logged(log, 2), [opened, `${received} ${message}`])
  await connected(app, 2)
  assert.deepEqual([from_client_id, app.getConnections('general').length], ['user123', 2])
  assert.ok(usage.includes(`client.send('${message}', 'general')`))
  // The same with plain `ws`.
  const other = await Client.open(url('/chat/ws?client_id=other'))
  other.say({ type: 'join_room', room_id: 'general' })
  other.say({ type: 'room_message', room_id: 'general', message })
  assert.equal((await plain.json()).message, message)
  assert.deepEqual(await logged(log, 3), [opened, `${received} ${message}`, `${received} ${message}`])
})

test('the usage of its class runs: it reports connections', { timeout: 20_000 }, async (t) => {
  const { url } = await start(t, (app) => app.websocket('/ws', {}))
  const { log, client } = await run(t, 'reconnecting', url(''))
  client.disconnect()
  assert.deepEqual(log, ['Connected with clientId: user_123', 'Disconnected clientId: user_123'])
})

test('the chat runs, with both clients in one room', { timeout: 20_000 }, async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/ws', {}))
  const plain = await Client.open(url('/ws?client_id=plain'))
  await plain.join('general-chat')
  const { log } = await run(t, 'chat', url(''))
  const { message, from_client_id } = await plain.json()
  assert.deepEqual([message, from_client_id], ['Hello, everyone!', 'chat_user_123'])
  plain.say({ type: 'room_message', room_id: 'general-chat', message: 'Hello back!' })
  assert.deepEqual(await logged(log, 5), [
    'Connected to WebSocket server',
    'Connected to WebSocket server with clientId: chat_user_123',
    'Client chat_user_123 joined room: general-chat',
    '[general-chat] chat_user_123: Hello, everyone!',
    '[general-chat] plain: Hello back!',
  ])
  // The block keeps its client.
  for (const socket of app.getConnections()) await socket.close(1000)
})

test('the server and its client run, with plain ws as another client', { timeout: 20_000 }, async (t) => {
  const { log, app, client, port } = await run(t, 'both')
  t.after(() => (client.disconnect(), app.close()))
  const conversation = (id) => [`Client connected: ${id}`, `Client ${id} joined room: general-chat`, `Message from ${id}: Hello, everyone!`]
  const own = ['Connected to WebSocket server', 'Joined room: general-chat', '[general-chat] user_123: Hello, everyone!']
  await logged(log, 6)
  // Server and client run in this process, so their lines may alternate.
  assert.deepEqual(log.filter((line) => !own.includes(line)), conversation('user_123'))
  assert.deepEqual(log.filter((line) => own.includes(line)), own)
  const plain = await Client.open(`ws://127.0.0.1:${port}/ws?client_id=plain`)
  await plain.join('general-chat')
  plain.say({ type: 'room_message', room_id: 'general-chat', message: 'Hello, everyone!' })
  assert.equal((await plain.json()).from_client_id, 'plain')
  await logged(log, 10)
  assert.deepEqual(log.slice(6).filter((line) => !line.startsWith('[')), conversation('plain'))
  assert.ok(log.includes('[general-chat] plain: Hello, everyone!'))
})

test('the manager creates rooms, broadcasts and counts', async (t) => {
  const { app, url } = await start(t, (app) => app.websocket('/ws', { clientId: 'default' }))
  const roomId = await app.createRoom('Lobby', { description: 'for all', maxConnections: 1 })
  const [first, second] = [await Client.open(url('/ws')), await Client.open(url('/ws'))]
  assert.equal((await first.join(roomId)).type, 'room_joined')
  assert.deepEqual([(await second.join(roomId)).code, app.getRoom(roomId).connectionsCount], ['room_full', 1])
  await connected(app, 2)
  const [one, two] = app.getConnections()
  assert.deepEqual([one.clientId, one.roomId, two.clientId.startsWith('client_'), two.roomId], ['default', roomId, true, undefined])
  await app.broadcast('news', roomId, (socket) => socket.clientId === 'default')
  assert.equal(await first.next(), 'news')
  assert.deepEqual(app.getStats().connectionsByRoom, { [roomId]: 1 })
})

test('text reaches handlers unchanged from ws, and as JSON from the client', async (t) => {
  const seen = []
  const both = deferred()
  const { url } = await start(t, (app) =>
    app.websocket('/ws', { onMessage: (socket, message) => { if (seen.push([socket.clientId, message]) === 2) both.resolve() } }))
  const plain = await Client.open(url('/ws?client_id=plain'))
  const client = createWebSocketClient({ url: url('/ws'), clientId: 'client' })
  t.after(() => client.disconnect())
  await client.connect()
  plain.say('hi')
  client.send('hi')
  await both.promise
  assert.deepEqual(new Map(seen), new Map([['plain', 'hi'], ['client', '"hi"']]))
})
