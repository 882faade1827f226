// Memory: closed sockets are collected, and nothing grows with the number of callbacks.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

test('closed sockets are collected', { timeout: 60_000 }, async () => {
  const script = `
    import { createApp } from '@livetape/node'
    import { WebSocket } from 'ws'
    import { once } from 'node:events'
    const app = createApp()
    const held = []
    let closed = 0
    app.websocket('/chat', { onConnect: (socket) => void held.push(new WeakRef(socket)), onMessage: async () => {}, onClose: () => void (closed += 1) })
    const { port } = await app.listen()
    for (let i = 0; i < 100; i++) {
      const socket = new WebSocket('ws://127.0.0.1:' + port + '/chat')
      await once(socket, 'open')
      socket.send('x')
      socket.close()
      await once(socket, 'close')
    }
    while (closed < 100) await new Promise(setImmediate)
    for (let i = 0; i < 5; i++) { globalThis.gc(); await new Promise((resolve) => setTimeout(resolve, 10)) }
    console.log(held.length, held.filter((it) => it.deref()).length, app.getConnections().length)
    await app.close()
  `
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '--eval', script], { cwd: fileURLToPath(new URL('.', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (data) => (text += data))
  await new Promise((resolve) => child.on('close', resolve))
  const [opened, alive, connected] = text.trim().split(' ').map(Number)
  assert.deepEqual([opened, connected], [100, 0])
  // The last one may still be referenced by the stack.
  assert.ok(alive <= 1, `${alive} of ${opened} sockets were not collected`)
})
