// The examples run as they are.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { Client, start } from './support.mjs'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))

/** Starts an example on a free port, and returns its first line and all output. */
async function example(t, name, env = {}) {
  return output(t, [`${FOLDER}../examples/${name}`], env)
}

async function output(t, args, env) {
  const child = spawn(process.execPath, args, { cwd: FOLDER, env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill())
  let text = ''
  let errors = ''
  child.stderr.on('data', (data) => (errors += data))
  const first = new Promise((resolve) => child.stdout.on('data', (data) => ((text += data), text.includes('\n') && resolve(text.split('\n')[0]))))
  const exited = new Promise((resolve) => child.on('close', (code) => resolve({ code, text })))
  return { url: (await Promise.race([first, exited.then(({ text }) => text)])).split(' ').at(-1), exited, errors: () => errors }
}

const say = (client, message) => client.say({ type: 'room_message', room_id: 'general', message })

test('chat.mjs', { timeout: 30_000 }, async (t) => {
  const { url, errors } = await example(t, 'chat.mjs')
  const [ann, bob] = [await Client.open(`${url}?client_id=ann`), await Client.open(`${url}?client_id=bob`)]
  assert.equal(await ann.next(), 'Hello ann. Rooms: general')
  await ann.join('general')
  await bob.next()
  await bob.join('general')
  assert.equal(await ann.next(), 'bob joins')
  say(bob, 'hi')
  assert.equal((await ann.json()).message, 'hi')
  ann.say('not for the room')
  assert.equal(await ann.next(), 'You said: not for the room')
  assert.equal((await ann.join('tea')).type, 'room_joined')
  assert.equal(errors(), '')
})

test('moderation.mjs', { timeout: 30_000 }, async (t) => {
  const { url } = await example(t, 'moderation.mjs')
  assert.equal((await new Client(`${url}?client_id=mallory`).closed).reason, 'refused')
  assert.equal((await new Client(url.replace('/chat', '/ws')).closed).reason, 'refused')
  const ann = await Client.open(`${url}?client_id=ann`)
  assert.equal((await ann.join('staff')).code, 'refused')
  ann.say({ type: 'set_metadata', key: 'role', value: 'staff' })
  assert.equal((await ann.join('staff')).code, 'refused')
  await ann.join('general')
  for (const message of ['see http://spam', 'Darn!', 'hello']) say(ann, message)
  assert.deepEqual([(await ann.json()).message, (await ann.json()).message], ['****!', 'hello'])
})

test('overlay.mjs', { timeout: 60_000 }, async (t) => {
  const { url } = await example(t, 'overlay.mjs', { SPEED: '100' })
  const [socket] = (await (await fetch(url)).text()).match(/ws:[^']+/)
  const client = await Client.open(socket, { origin: url.replace(/\/$/, '') })
  assert.ok('total' in (await client.json()))
  const { total, gift } = await client.json()
  assert.ok(total > 0 && gift.length > 0)
})

test('bot.mjs', { timeout: 60_000 }, async (t) => {
  const { exited } = await example(t, 'bot.mjs', { SPEED: 'max' })
  const { code, text } = await exited
  assert.equal(code, 0)
  assert.match(text, /Thanks for \d+ × .+, .+!/)
})

test('the authentication in the README refuses clients while it fails', { timeout: 30_000 }, async (t) => {
  const [code] = readFileSync(`${FOLDER}../README.md`, 'utf8').match(/(?<=```js\n)app\.websocket[^`]*isSession[^`]*/)
  const isSession = async (cookie) => cookie.split('=')[1] === '1'
  const { url, failures } = await start(t, (app) => new Function('app', 'isSession', code)(app, isSession))
  const closed = async (headers) => (await new Client(url('/chat'), { headers }).closed).reason
  assert.equal(await closed({ cookie: 'session=2' }), 'refused')
  assert.equal(await closed({}), 'handler_failed')
  assert.deepEqual(failures.map(({ code }) => code), ['handler_failed'])
  await new Client(url('/chat'), { headers: { cookie: 'session=1' } }).open
})

test('the code in the README', { timeout: 60_000 }, async (t) => {
  const [, code] = readFileSync(`${FOLDER}../README.md`, 'utf8').match(/```js\n(.*?)```/s)
  const patched = code.replace('3000', '0').replace("'demo' }", "'demo', speed: 100, loop: true }").replace('\n\nfor', '\nconsole.log(port)\nfor')
  const { url: port } = await output(t, ['--input-type=module', '--eval', patched], {})
  const ann = await Client.open(`ws://127.0.0.1:${port}/chat?client_id=ann`)
  const said = [await ann.next()]
  ann.say('hi')
  while (!said.includes('ann: hi') || !said.some((it) => it.startsWith('Thanks for '))) said.push(await ann.next())
  assert.ok(said.includes('Hello ann'))
})
