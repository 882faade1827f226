// Failing calls without `await` while the server is away must not end a bot.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'
import { WebSocket } from 'ws'

import { LIVETAPE, withServer } from '../../../tests/support/livetape.mjs'
import { createWebSocketClient } from '../dist/livetape-client.js'
import { once, proxy } from '../../../tests/support/wire.mjs'

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
  await withServer(LIVETAPE, ['serve', '--port', '0'], async ({ ws }) => {
    const { stdout, stderr } = await promisify(execFile)('node', ['--input-type=module', '--eval', BOT(ws)], { cwd, timeout: 30_000 })
    expect(stderr).toBe('')
    const errors = JSON.parse(stdout)
    expect(errors).toEqual(expect.arrayContaining(['not_connected', 'not_in_room']))
  })
})

test('a failed send rejects with the reason', async () => {
  await withServer(LIVETAPE, ['serve', '--port', '0'], async ({ port }) => {
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
    client.disconnect()
    await wire.close()
  })
})
