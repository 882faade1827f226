// Mistakes in a test: rejected with the value and the allowed values, instead of passing silently.

import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, test as plain, vi } from 'vitest'

import { startMock, startTape, withTape } from '@livetape/testing'
import { test } from '@livetape/testing/vitest'
import { recording } from '../../../tests/support/livetape.mjs'

const REJECTED = { name: 'LivetapeError', code: 'bad_request' }

describe('expectations', () => {
  let [tape, mock] = []
  beforeAll(async () => {
    tape = await startTape({ hold: true, mock: {} })
    mock = tape.mock
  })
  afterAll(() => tape.stop())

  /** The error of a call, whether it throws or rejects. */
  const errorOf = async (call) => {
    try {
      await call()
    } catch (error) {
      return error
    }
    return undefined
  }

  const TIMES = [['1', "'1'"], ['x', "'x'"], [{}, '{}'], [{ atLeast: 5 }, '{ atLeast: 5 }'], [[1], '[ 1 ]'], [NaN, 'NaN'], [-1, '-1'], [1.5, '1.5'], [null, 'null'], [{ min: 3, max: 1 }, '{ min: 3, max: 1 }'], [{ max: '3' }, "{ max: '3' }"], [{ min: undefined }, '{ min: undefined }']]
  plain.each(TIMES)('%o is not a number of times', async (times, shown) => {
    const calls = [
      () => mock.expect('/y', times),
      () => mock.waitFor('/y', times, { timeout: 1 }),
      () => expect(mock).toHaveReceived('/y', times),
      () => expect(tape).toHaveSent('gift', times),
      () => expect(tape).not.toHaveSent('gift', times),
      () => expect(tape).toHaveClients(times),
    ]
    for (const call of calls) {
      const error = await errorOf(call)
      expect(error).toMatchObject(REJECTED)
      expect(error.message).toContain(`\`times\` is ${shown}\n  hint: pass a whole number, or { min, max }`)
    }
  })

  plain('an open range and an infinite maximum are numbers of times', async () => {
    await expect(mock).toHaveReceived('/y', { max: 3 })
    await expect(mock).toHaveReceived('/y', { min: 0, max: Infinity })
    expect(tape).not.toHaveSent('gift', { min: 1, max: undefined })
  })

  plain('a missing number of times is reported', async () => {
    for (const call of [() => mock.expect('/y'), () => mock.waitFor('/y'), () => expect(tape).toHaveClients()]) {
      expect((await errorOf(call)).message).toContain('`times` is undefined')
    }
  })

  const SEEN = [['bogus', "'bogus'"], ['y', "'y'"], ['heartbeats', "'heartbeats'"], [{ clsoe: 1000 }, '{ clsoe: 1000 }'], [{ close: '1000' }, "{ close: '1000' }"], [null, 'null'], [undefined, 'undefined'], [5, '5']]
  plain.each(SEEN)('%o is not an activity of clients', async (seen, shown) => {
    for (const times of [0, { max: 3 }]) {
      for (const call of [() => mock.expect(seen, times), () => mock.waitFor(seen, times), () => expect(mock).toHaveReceived(seen, times)]) {
        const error = await errorOf(call)
        expect(error).toMatchObject(REJECTED)
        expect(error.message).toContain(`\`seen\` is ${shown}\n  hint: pass a path such as '/webcast/fetch', `)
      }
    }
    if (seen !== undefined) await expect(mock.received(seen)).rejects.toMatchObject(REJECTED)
  })

  plain.each([['2s', "'2s'"], [NaN, 'NaN'], [-1, '-1'], [undefined, 'undefined']])('%o is not a time in ms', async (ms, shown) => {
    for (const call of [() => mock.expectNoReconnectBefore(ms), () => expect(mock).toHaveWaited(ms)]) {
      const error = await errorOf(call)
      expect(error).toMatchObject(REJECTED)
      expect(error.message).toContain(`\`ms\` is ${shown}\n  hint: pass a number of milliseconds`)
    }
  })

  plain('a wrong call leaves no expectation behind', () => mock.verify())

  plain.each([[undefined, 'undefined'], ['2', "'2'"], [-1, '-1'], [NaN, 'NaN']])('waitForClients(%o) says that it needs a number', async (clients, shown) => {
    const waiting = expect(tape.waitForClients(clients, { timeout: 1 })).rejects
    await waiting.toMatchObject({ ...REJECTED, message: `\`clients\` is ${shown}\n  hint: pass a whole number` })
  })

  plain.each(['x', NaN, -1, Infinity, null])('%o is not a timeout', async (timeout) => {
    await expect(tape.waitForClients(1, { timeout })).rejects.toMatchObject(REJECTED)
    await expect(mock.waitFor('/y', 1, { timeout })).rejects.toMatchObject(REJECTED)
    await expect(startTape({ hold: true, timeout })).rejects.toMatchObject(REJECTED)
  })

  plain('`type` is not a field of a sent event', async () => {
    await expect(tape.send.chat({ type: 'gift', user: 'ann', gift: 'Rose' })).rejects.toMatchObject({ ...REJECTED, message: "`type` is 'gift', but chat has no such field\n  hint: call `send.gift()` instead" })
    expect(tape).not.toHaveSent('gift')
  })

  plain('a number that JSON cannot express is rejected by its value', async () => {
    for (const count of [Infinity, NaN]) {
      await expect(tape.send.gift({ user: 'ann', gift: 'Rose', count })).rejects.toMatchObject({ ...REJECTED, message: `\`count\` is ${count}\n  hint: pass a finite number` })
    }
  })

  plain('fields are an object', async () => {
    await expect(tape.send.chat('hi')).rejects.toMatchObject({ ...REJECTED, message: "the fields of chat are 'hi'\n  hint: pass an object" })
  })
})

describe('options', () => {
  plain('an unknown one is rejected with the nearest', async () => {
    await expect(startTape({ sped: 'max' })).rejects.toMatchObject({ ...REJECTED, message: 'unknown option `sped`\n  hint: did you mean `speed`?' })
    await expect(startTape({ hodl: true })).rejects.toThrow('did you mean `hold`?')
    await expect(startTape({ 'wait-clients': 2 })).rejects.toThrow('did you mean `waitClients`?')
    await expect(startTape({ mock: { bogus: 1 } })).rejects.toThrow('unknown option `bogus`\n  hint: choose one of: scenario, toml, recording, speed, seed')
    await expect(startMock({ tmol: '' })).rejects.toThrow('did you mean `toml`?')
    await expect(withTape({ hold: true }, (tape) => tape.waitForClients(1, { timout: 5 }))).rejects.toThrow('did you mean `timeout`?')
  })

  test('a string is the recording', async ({ startTape }) => {
    await expect(startTape('/nosuch/show.bin')).rejects.toThrow('recording /nosuch/show.bin not found')
    const tape = await startTape(recording('short'))
    expect((await (await fetch(`${tape.http}/replay`)).json()).recording).toBe('short')
  })

  plain.each([[5, '5'], [null, 'null'], [[], '[]'], [true, 'true']])('startTape(%o) is rejected', async (options, shown) => {
    await expect(startTape(options)).rejects.toMatchObject({ ...REJECTED, message: `the options are ${shown}\n  hint: pass an object, or the path of a recording` })
    await expect(startMock(options)).rejects.toMatchObject({ ...REJECTED, message: `the options are ${shown}\n  hint: pass an object, or the path of a scenario` })
    await expect(startTape({ mock: options })).rejects.toMatchObject({ ...REJECTED, message: `\`mock\` is ${shown}\n  hint: pass an object, or the path of a scenario` })
  })

  plain.each([[5, '5'], ['', "''"], [null, 'null']])('a recording is a path, not %o', async (value, shown) => {
    await expect(startTape({ recording: value })).rejects.toMatchObject({ ...REJECTED, message: `\`recording\` is ${shown}\n  hint: pass a path, or 'demo'` })
    await expect(startMock({ recording: value })).rejects.toMatchObject(REJECTED)
  })

  plain('a scenario as text is a text', async () => {
    await expect(startMock({ toml: 5 })).rejects.toMatchObject({ ...REJECTED, message: '`toml` is 5\n  hint: pass a scenario as text' })
    await withTape({ hold: true, mock: {} }, ({ mock }) => expect(mock.setScenario(5)).rejects.toMatchObject(REJECTED))
  })

  plain('withTape needs a function', async () => {
    await expect(withTape({})).rejects.toMatchObject({ ...REJECTED, message: '`use` is undefined\n  hint: pass a function that takes the tape' })
  })

  plain('a temporary folder that does not exist is reported', async () => {
    for (const name of ['TMPDIR', 'TEMP', 'TMP']) vi.stubEnv(name, '/nosuch')
    try {
      await expect(startTape()).rejects.toMatchObject({ name: 'LivetapeError', code: 'not_ready', message: expect.stringMatching(/^cannot write to \/nosuch: ENOENT/) })
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

plain('recordings and scenarios whose names look like flags are files', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-test-'))
  await copyFile(recording('short'), path.join(folder, '-x'))
  await copyFile(recording('short'), path.join(folder, '--help'))
  const code = `import { startTape } from ${JSON.stringify(import.meta.resolve('@livetape/testing'))}
    for (const recording of ['-x', '--help']) {
      const tape = await startTape({ recording, mock: {} })
      console.log((await (await fetch(tape.http + '/replay')).json()).durationMs > 0)
      await tape.stop()
    }
    await startTape({ mock: '-no' }).catch(({ message }) => console.log(message))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], { cwd: folder })
  await rm(folder, { recursive: true })
  expect(stdout).toMatch(/^true\ntrue\n[^]*\.\/-no/)
})
