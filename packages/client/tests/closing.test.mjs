// How connections end: final and other close codes, and servers that are away, wrong, older or newer. Failing calls without `await` must not end a bot then.

import { execFile } from 'node:child_process'
import { once as happens } from 'node:events'
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'

import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'

import { LIVETAPE, ask, once, until, withServer } from '../../../tests/support/livetape.mjs'
import { ClientError, RNodeWebSocketClient, explain, isFinal } from '../dist/livetape-client.js'
import { createWebSocketClient, proxy, scripted, serve } from './given.mjs'

const FAST = { webSocket: WebSocket, reconnectDelay: 5, maxReconnectDelay: 20 }

const event = (seq, more = {}) => JSON.stringify({ type: 'chat', username: 'x', data: { comment: `${seq}` }, ts: '2026-01-01T00:00:00.000Z', replay: true, stream: 'ab', seq, ...more })

test('the final codes are those of the reference', () => {
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 3000, 4000, 4002, 4099]) expect([code, isFinal(code)]).toEqual([code, true])
  for (const code of [1001, 1006, 1011, 4001, 4100, 4101, 4102, 4999]) expect([code, isFinal(code)]).toEqual([code, false])
})

test('the example without a library uses the same rule', async () => {
  const page = await readFile(new URL('../../../examples/client-example.html', import.meta.url), 'utf8')
  const retry = JSON.parse(/const RETRY = (.+)/.exec(page)[1])
  expect(page).toContain('code < 4100 && !RETRY.includes(code)')
  const codes = Array.from({ length: 3000 }, (_, index) => 1000 + index)
  expect(codes.filter((code) => !isFinal(code))).toEqual(retry)
})

test('reconnects to the real server after all codes but final ones', async () => {
  const { url, ws } = await serve(['serve', '--port', '0'])
  for (const code of [1000, 1008, 4000, 1011, 4100, 4102]) {
    const client = createWebSocketClient({ ...FAST, url: `${ws}/ws`, clientId: `closed_${code}` })
    const loop = client.events()[Symbol.asyncIterator]().next()
    const welcome = once(client, 'welcome')
    await client.connect()
    await welcome
    const [gone, back] = [once(client, 'disconnected'), once(client, 'connected')]
    await fetch(`${url}/connections/closed_${code}/close`, { method: 'POST', body: JSON.stringify({ code, reason: 'because' }) })
    expect((await gone)[0]).toMatchObject({ code, reason: 'because', final: isFinal(code) })
    if (!isFinal(code)) {
      expect((await back)[0].reconnected).toBe(true)
      client.disconnect()
      expect(await loop).toMatchObject({ done: true })
    } else {
      if (code === 1000) expect(await loop).toMatchObject({ done: true })
      else await expect(loop).rejects.toMatchObject({ code: 'because', closeCode: code })
      expect(client.getStatus()).toBe('disconnected')
      // The server removes the connection a moment later.
      await until('no connection', async () => (await ask(url, 'connections')).connections.length === 0)
      expect(client.getStats().connections).toBe(1)
    }
  }
})

test('reports that the server shuts down, and reconnects to the next one', async () => {
  let server = await serve(['serve', '--port', '0'])
  const wire = await proxy(() => server.port)
  const client = createWebSocketClient({ ...FAST, url: `${wire.ws}/ws`, clientId: 'stays', maxReconnectAttempts: Infinity })
  await client.connect()
  const [told, gone] = [once(client, 'system'), once(client, 'disconnected')]
  await server.stop()
  expect((await told)[0]).toMatchObject({ type: 'system', event: 'shutdown' })
  expect((await gone)[0]).toMatchObject({ code: 1001, final: false })
  const back = once(client, 'connected')
  server = await serve(['serve', '--port', '0'])
  expect((await back)[0].reconnected).toBe(true)
})

test('delays double up to a limit, and the client gives up', async () => {
  const { ws, close } = await scripted()
  close()
  for (const [options, want] of [
    [{ reconnectDelay: 1, maxReconnectDelay: 16 }, [1, 2, 4, 8, 16]],
    [{ reconnectDelay: 1, maxReconnectDelay: 4, maxReconnectAttempts: 7 }, [1, 2, 4, 4, 4, 4, 4]],
    [{ autoReconnect: false }, []],
  ]) {
    const client = new RNodeWebSocketClient(ws, 'seed', { webSocket: WebSocket, ...options })
    const waits = []
    let reached = 0
    client.on('reconnecting', ({ attempt, delayMs }) => waits.push([attempt, delayMs]))
    client.on('maxReconnectAttemptsReached', () => (reached += 1))
    const errors = []
    client.on('error', ({ code }) => errors.push(code))
    await expect(client.connect()).rejects.toMatchObject({ code: want.length > 0 ? 'gave_up' : 'connection_failed' })
    expect(waits).toEqual(want.map((ms, index) => [index + 1, ms]))
    expect(reached).toBe(want.length > 0 ? 1 : 0)
    expect(errors).toEqual(Array(want.length + 1).fill('connection_failed'))
  }
  const client = createWebSocketClient({ url: ws, webSocket: WebSocket, jitter: true, reconnectDelay: 10, maxReconnectDelay: 10, maxReconnectAttempts: 20 })
  const waits = []
  client.on('reconnecting', ({ delayMs }) => waits.push(delayMs))
  await expect(client.connect()).rejects.toThrow('gave up after 20 attempts')
  expect(waits.every((ms) => ms >= 0 && ms <= 10)).toBe(true)
  expect(new Set(waits).size).toBeGreaterThan(10)
})

test('the default delays are the documented ones', async () => {
  const { ws } = await scripted((socket) => socket.close(1011))
  const client = createWebSocketClient({ url: ws, webSocket: WebSocket })
  const first = once(client, 'reconnecting')
  await client.connect()
  expect((await first)[0]).toEqual({ attempt: 1, delayMs: 1000 })
})

test('counts and skips malformed messages, and passes on types of newer servers', async () => {
  const nonsense = ['', '{', 'null', '[]', '7', '"x"', '{}', '{"type":7}', '{"type":"chat","stream":"ab","seq":0,"data":{}}', '{"type":"chat","stream":"ab","seq":1e99,"data":{}}',
    '{"type":"chat","stream":"","seq":1,"data":{}}', '{"type":"chat","stream":"ab","seq":1}', '{"type":"chat","stream":"ab","seq":1,"data":[]}', '{"type":"x","seq":"1"}', '['.repeat(100_000)]
  const { ws } = await scripted((socket) => {
    nonsense.forEach((text) => socket.send(text))
    socket.send(event(1))
    socket.send(event(1))
    socket.send(event(2, { type: 'hologram', data: { beams: 3 } }))
    socket.send(event(3, { type: '__proto__', data: { __proto__: null } }))
    socket.send(JSON.stringify({ type: 'not_yet_thought_of', message: 'hello' }))
    socket.close(1000)
  })
  const client = createWebSocketClient({ ...FAST, url: ws })
  const [malformed, events, messages] = [[], [], []]
  client.on('malformed', (text) => malformed.push(text))
  client.on('event', ({ type }) => events.push(type))
  client.on('message', ({ type }) => messages.push(type))
  const over = once(client, 'disconnected')
  await client.connect()
  await over
  expect(malformed).toEqual(nonsense)
  expect(events).toEqual(['chat', 'hologram', '__proto__'])
  expect(messages).toEqual(['chat', 'hologram', '__proto__', 'not_yet_thought_of'])
  expect(client.getStats()).toMatchObject({ malformed: nonsense.length, events: 3, repeated: 1 })
  expect(client.position).toBe('ab:3')
})

test('passes on errors of the feed with title and hint', async () => {
  const data = { code: 'user_offline', title: 'User is not live', message: 'ann is not live', hint: 'wait', attempt: 1, retrying: false, retryAfterMs: null }
  const { ws } = await scripted((socket) => (socket.send(event(1, { type: 'error', data })), socket.close(1011, 'user_offline')))
  const client = createWebSocketClient({ ...FAST, url: ws, maxReconnectAttempts: 0 })
  const failed = once(client, 'error')
  await client.connect()
  const [error] = await failed
  expect(error).toBeInstanceOf(ClientError)
  expect(error).toMatchObject({ code: 'user_offline', message: 'ann is not live', title: 'User is not live', hint: 'wait', retrying: false })
})

test('Node prints an error with its full class name', () => {
  expect(inspect(new ClientError('not_connected', 'not connected', { hint: 'wait' }))).toMatch(/^ClientError: not connected\n/)
})

test('a listener that throws stops neither the others nor the feed', async () => {
  const { ws } = await scripted((socket) => ([1, 2].forEach((seq) => socket.send(event(seq))), socket.close(1000)))
  const thrown = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => thrown.push(error.message))
  const client = createWebSocketClient({ ...FAST, url: ws })
  const seen = []
  client.on('event', ({ seq }) => {
    throw new Error(`no ${seq}`)
  })
  client.on('event', ({ seq }) => seen.push(seq))
  const over = once(client, 'disconnected')
  await client.connect()
  await over
  process.removeAllListeners('uncaughtException')
  others.forEach((listener) => process.on('uncaughtException', listener))
  expect(seen).toEqual([1, 2])
  expect(thrown).toEqual(['no 1', 'no 2'])
})

test('abandons a socket that does not answer pings or finish its handshake', async () => {
  const { ws, seen } = await scripted((socket, _request, number) => {
    socket.send(JSON.stringify({ type: 'welcome' }))
    socket.on('message', (text) => number > 1 && socket.send(JSON.stringify({ type: 'pong', timestamp: JSON.parse(text).timestamp })))
  })
  const client = createWebSocketClient({ ...FAST, url: `${ws}ws`, pingInterval: 20, pongTimeout: 1000 })
  const gone = once(client, 'disconnected')
  await client.connect()
  expect((await gone)[0]).toMatchObject({ code: 1006, reason: 'no answer to a ping', final: false })
  expect((await once(client, 'pong'))[0]).toBeGreaterThanOrEqual(0)
  expect(seen).toHaveLength(2)
  client.disconnect()

  const deaf = net.createServer(() => undefined).listen(0, '127.0.0.1')
  onTestFinished(() => deaf.close())
  await happens(deaf, 'listening')
  const waiting = createWebSocketClient({ ...FAST, url: `ws://127.0.0.1:${deaf.address().port}`, connectTimeout: 30, autoReconnect: false })
  await expect(waiting.connect()).rejects.toMatchObject({ code: 'connection_failed', message: 'no connection: not open within 30 ms' })
})

test('connects with a token; a wrong one is final and appears in no message', async () => {
  const token = 'a-token-of-this-test-0123456789'
  const { ws } = await serve(['serve', '--port', '0'], { env: { LIVETAPE_TOKEN: token } })
  const good = createWebSocketClient({ ...FAST, url: `${ws}/ws`, token })
  const welcome = once(good, 'welcome')
  await good.connect()
  await welcome
  good.disconnect()
  const bad = createWebSocketClient({ ...FAST, url: `${ws}/ws`, token: 'not-this-one-but-another-0123' })
  const error = await bad.connect().catch((error) => error)
  expect(error).toMatchObject({ code: 'unauthorized', closeCode: 1006 })
  expect(`${error.message} ${JSON.stringify(bad)}`).not.toContain('not-this-one')
  expect(bad.getStats().connections).toBe(0)
})

/** Connects to refused addresses, in a Node process of its own, which has a WebSocket or not. */
const REFUSED = (base, paths) => `
  import { createWebSocketClient } from '@livetape/client'
  const told = []
  for (const path of ${JSON.stringify(paths)}) {
    const client = createWebSocketClient({ url: '${base}' + path })
    let [errors, retries] = [0, 0]
    client.on('error', () => (errors += 1))
    client.on('reconnecting', () => (retries += 1))
    const { code, message, hint } = await client.connect().catch((error) => error)
    told.push({ code, message, hint, errors, retries, status: client.getStatus() })
  }
  console.log(JSON.stringify(told))
`

test('in Node, a refused connection is final at once, with the reason of the server', async () => {
  const server = http.createServer((request, response) => {
    const status = Number(request.url.slice(1, 4))
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { code: `code_${status}`, message: `reason ${status}`, hint: `advice ${status}` } }))
  })
  // Without a listener for `upgrade`, the server handles upgrades as requests.
  server.listen(0, '127.0.0.1')
  await happens(server, 'listening')
  onTestFinished(() => server.close())
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  for (const flag of ['--experimental-websocket', '--no-experimental-websocket']) {
    const script = REFUSED(`ws://127.0.0.1:${server.address().port}/`, ['401', '403', '404'])
    // Less than the time that a client waits for a socket to open.
    const { stdout } = await promisify(execFile)('node', [flag, '--input-type=module', '--eval', script], { cwd, timeout: 9000 })
    const told = JSON.parse(stdout)
    const want = [401, 403, 404].map((status) => ({ code: `code_${status}`, message: `reason ${status}`, hint: expect.any(String), errors: 1, retries: 0, status: 'disconnected' }))
    expect(told, flag).toEqual(want)
    expect(told[1].hint).toBe('advice 403')
    expect(told[0].hint).toContain('token')
  }
})

test('`explain` says what stops a connection, and nothing if nothing does', async () => {
  await withServer(LIVETAPE, ['serve', '--port', '0'], async ({ url, ws }) => {
    for (const healthy of [`${ws}/`, `${ws}/ws`, `${url}/`, `${ws}/ws/play/short?speed=max`]) expect(await explain(healthy), healthy).toBe(undefined)
    expect(await explain(`${ws}/ws/play/nosuch`)).toMatchObject({ code: 'recording_not_found', hint: expect.stringContaining('short') })
    expect(await explain(`${ws}/ws/nosuch`)).toMatchObject({ code: 'unauthorized', message: 'unknown token' })
    expect(await explain(`${ws}/nosuch`)).toMatchObject({ code: 'not_found', hint: expect.stringContaining('/ws for rooms') })
    await until('no connection', async () => (await ask(url, 'connections')).connections.length === 0)
  })
  await withServer(LIVETAPE, ['serve', '--port', '0'], async ({ ws }) => {
    for (const path of ['/', '/ws']) {
      expect(await explain(`${ws}${path}`, 'wrong')).toMatchObject({ code: 'unauthorized', message: 'the bearer token is wrong' })
      expect(await explain(`${ws}${path}`, 'a-secret-of-16-or-more')).toBe(undefined)
    }
  }, { env: { LIVETAPE_TOKEN: 'a-secret-of-16-or-more' } })
  const { ws, close } = await scripted()
  close()
  expect(await explain(ws)).toMatchObject({ code: 'connection_failed', message: expect.stringContaining('cannot connect to') })
})

test('sends a token in the query if it is not a valid subprotocol', async () => {
  const { ws, seen } = await scripted((socket) => socket.close(1000))
  for (const token of ['plain-token.0123', 'with space/and=more']) {
    const client = createWebSocketClient({ ...FAST, url: ws, token })
    await client.connect()
    client.disconnect()
  }
  expect(seen.map(({ url, headers }) => [url, headers['sec-websocket-protocol']])).toEqual([
    ['/?gifts=delta', 'livetape,bearer.plain-token.0123'],
    ['/?gifts=delta&token=with+space%2Fand%3Dmore', undefined],
  ])
})

test('reports a possible loss if a filtered feed breaks before its first event', async () => {
  const { ws, seen } = await scripted((socket, _request, number) => number < 2 && socket.terminate())
  const filtered = createWebSocketClient({ ...FAST, url: ws, types: ['gift'] })
  const loss = once(filtered, 'loss')
  await filtered.connect()
  expect((await loss)[0]).toEqual({ reason: 'no_position' })
  filtered.disconnect()
  expect(seen.map(({ url }) => url)).toEqual(['/?types=gift&gifts=delta', '/?types=gift&gifts=delta'])
})

test('loses nothing if an unfiltered feed breaks before its first event', async () => {
  const { ws, seen } = await scripted((socket, _request, number) => number < 2 && socket.terminate())
  const client = createWebSocketClient({ ...FAST, url: ws })
  await client.connect()
  await until('the second connection', () => seen.length === 2)
  client.disconnect()
  expect(seen.map(({ url }) => url)).toEqual(['/?gifts=delta', '/?gifts=delta&since=0'])
})

test('requests gift increments unless an option or the URL says otherwise', async () => {
  const { ws, seen } = await scripted((socket) => socket.close(1000))
  for (const [url, gifts] of [[ws, undefined], [ws, 'raw'], [`${ws}?gifts=final`, undefined], [`${ws}?gifts=final`, 'raw']]) {
    const client = createWebSocketClient({ ...FAST, url, gifts })
    const over = once(client, 'disconnected')
    await client.connect()
    await over
  }
  expect(seen.map(({ url }) => url)).toEqual(['/?gifts=delta', '/?gifts=raw', '/?gifts=final', '/?gifts=raw'])
})

test('rejects invalid URLs at once, with a hint', () => {
  expect(() => createWebSocketClient({ url: 'ftp://x', webSocket: WebSocket })).toThrow('not a WebSocket URL')
  expect(() => createWebSocketClient({ url: '', webSocket: WebSocket })).toThrow(ClientError)
})

const cwd = fileURLToPath(new URL('..', import.meta.url))

/** A bot that calls every method without awaiting its promise. It runs in its own Node process, which an unhandled rejection would end. */
const BOT = (ws) => `
  import { createWebSocketClient } from '@livetape/client'
  const client = createWebSocketClient({ url: '${ws}/ws', clientId: 'bot', pongTimeout: 3_000, maxReconnectAttempts: 2, reconnectDelay: 50 })
  const errors = []
  client.on('error', ({ code }) => errors.push(code))
  await client.connect()
  const room = await client.joinRoom('general')
  const loop = client.events()
  client.on('disconnected', () => {
    room.send('one'); room.join(); client.send('two'); client.send(new ArrayBuffer(1)); client.send('three', 'general')
    client.sendToRoom('other', 'four'); client.setMetadata('team', 'red'); client.joinRoom('other'); client.send({ id: 5n })
    loop.next(); room.leave(); client.leaveRoom('other')
  })
  client.on('maxReconnectAttemptsReached', () => setTimeout(() => {
    client.connect(); client.joinRoom('late'); client.disconnect()
    setTimeout(() => console.log(JSON.stringify(errors)), 100)
  }, 100))
  fetch('${ws.replace('ws', 'http')}/shutdown', { method: 'POST' })
`

test('a bot that awaits nothing survives an outage, and receives errors for unsent messages', async () => {
  const { ws } = await serve(['serve', '--port', '0'])
  const { stdout, stderr } = await promisify(execFile)('node', ['--input-type=module', '--eval', BOT(ws)], { cwd, timeout: 30_000 })
  expect(stderr).toBe('')
  const errors = JSON.parse(stdout)
  expect(errors).toEqual(expect.arrayContaining(['not_connected', 'not_in_room']))
})

test('a failed send rejects with the reason', async () => {
  const { port } = await serve(['serve', '--port', '0'])
  const wire = await proxy(() => port)
  const client = createWebSocketClient({ url: `${wire.ws}/ws`, webSocket: WebSocket })
  await client.connect()
  const room = await client.joinRoom('general')
  const gone = once(client, 'disconnected')
  wire.cut()
  await gone
  const failed = once(client, 'error')
  await expect(room.send('hello')).rejects.toMatchObject({ code: 'not_in_room' })
  expect((await failed)[0]).toMatchObject({ code: 'not_in_room', roomId: 'general' })
  await expect(client.send('hello')).rejects.toMatchObject({ code: 'not_connected' })
  await expect(client.setMetadata('team', 'red')).rejects.toMatchObject({ code: 'not_connected' })
})
