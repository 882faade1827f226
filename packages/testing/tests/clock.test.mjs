// Fake timers, which stand still: the fixtures do not.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'

import { afterEach, expect, test as plain, vi } from 'vitest'
import { WebSocket } from 'ws'
import { test } from '@livetape/testing/vitest'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

afterEach(() => vi.useRealTimers())

test.for(['before', 'after'])('fake timers of Vitest that start %s a tape do not affect it', async (when, { startTape, startMock }) => {
  if (when === 'before') vi.useFakeTimers()
  const [tape, held, mock] = [await startTape({ speed: 'max' }), await startTape({ hold: true, timeout: 200 }), await startMock()]
  if (when === 'after') vi.useFakeTimers()
  const socket = new WebSocket(tape.url).on('error', () => {}).on('message', () => {})
  await tape.waitForClients(1)
  expect(await tape.finished()).toMatchObject({ diamonds: 114 })
  socket.close()
  await tape.drop()
  await expect(held.waitForClients(1)).rejects.toThrow('0 of 1 clients connected within 0.2 s')
  await expect(held.finished()).rejects.toThrow('it is held until')
  await expect(mock.waitFor('enter', 1, { timeout: 200 })).rejects.toThrow('0.2 s')
})

const USE = `
mock.timers.enable()
withTape({ hold: true, timeout: 200 }, (tape) => tape.waitForClients(1)).catch(({ code }) => console.log(code))
`

plain.each([
  ['module', `import { mock } from 'node:test'; import { withTape } from '@livetape/testing'; ${USE}`],
  ['commonjs', `const { mock } = require('node:test'); const { withTape } = require('@livetape/testing'); ${USE}`],
])('those of `node:test` neither, in a %s', async (type, code) => {
  const { stdout } = await promisify(execFile)(process.execPath, [`--input-type=${type}`, '--eval', code], { cwd: PACKAGE, timeout: 30_000 })
  expect(stdout).toBe('timeout\n')
})
