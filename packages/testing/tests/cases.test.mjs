// The cases of `livetape test` in tests.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import { afterEach, describe, expect, onTestFinished, test as plain, vi } from 'vitest'
import { WebSocket } from 'ws'

import { cases, startTape } from '@livetape/testing'
import { test } from '@livetape/testing/vitest'
import { casesOf } from '../src/program.ts'
import { until } from '../../../tests/support/livetape.mjs'

afterEach(() => vi.unstubAllEnvs())

/** Those in which the feed never opens. */
const CLOSED = ['refused-final', 'offline', 'unauthorized']
/** It takes 15 s. A test in Rust plays it without waiting. */
const SLOW = 'silence'
const ALL = cases().map(({ name }) => name)

/** Counts what a correct client counts, until the recording has ended. */
async function count(url) {
  const totals = { chats: 0, gifts: 0, diamonds: 0, likes: 0 }
  let [since, hasEnded] = ['', false]
  const take = ({ type, data, stream, seq }) => {
    since = `?since=${stream}:${seq}`
    hasEnded ||= type === 'disconnected' && data.reason === 'recording_ended'
    if (type === 'chat') totals.chats++
    if (type === 'like') totals.likes += data.likeCount
    if (type !== 'gift') return
    totals.gifts += data.repeatDelta
    totals.diamonds += data.diamonds
  }
  while (!hasEnded) {
    await new Promise((resolve) => {
      const socket = new WebSocket(url + since)
      socket.on('message', (text) => (take(JSON.parse(text)), hasEnded && socket.close())).on('error', () => {})
      socket.on('close', (code) => {
        if (code === 4001) since = ''
        setTimeout(resolve, 20)
      })
    })
  }
  return totals
}

plain('the cases are those of the program', () => {
  const what = { name: expect.any(String), suite: 'feed', group: expect.stringMatching(/^(show|connection)$/), what: expect.any(String), right: expect.any(String), since: '0.1' }
  expect(cases()).toEqual(ALL.map((name) => ({ ...what, name })))
  expect(ALL).toEqual(expect.arrayContaining(['plain', 'no-final', 'cut', ...CLOSED]))
})

test.for(ALL.filter((name) => ![...CLOSED, SLOW].includes(name)))('a correct client counts the truth: %s', async (name, { startTape }) => {
  const tape = await startTape({ case: name, speed: 'max', timeout: 20_000 })
  const totals = await count(tape.url)
  const { diamonds, refused } = await tape.finished()
  expect(refused).toBe(0)
  expect(await tape.truth()).toMatchObject(totals)
  expect(totals.diamonds).toBe(diamonds)
  expect(diamonds).toBeGreaterThan(0)
})

test.for(CLOSED)('a case that lets nobody in is over a second after the first attempt: %s', async (name, { startTape }) => {
  const tape = await startTape({ case: name, hold: true, timeout: 100 })
  await expect(tape.finished()).rejects.toThrow(`no client tried to connect within 0.1 s; the case \`${name}\` lets nobody in`)
  for (let attempts = 0; attempts < 3; attempts++) {
    const socket = new WebSocket(tape.url)
    const types = []
    socket.on('message', (text) => types.push(JSON.parse(text).type)).on('error', () => {})
    await new Promise((resolve) => socket.on('close', resolve))
    expect(types).toEqual(name === 'unauthorized' ? [] : ['error'])
  }
  expect(await tape.finished()).toEqual({ events: 0, byType: {}, diamonds: 0, lost: null, refused: 3 })
  expect(await tape.truth()).toMatchObject({ diamonds: 0, chats: 0 })
  expect(await tape.clients()).toBe(0)
})

describe('the name', () => {
  const played = async (tape) => (await (await fetch(`${tape.http}/replay`)).json()).case

  test('comes from LIVETAPE_CASE, unless the test has one', async ({ startTape }) => {
    vi.stubEnv('LIVETAPE_CASE', 'no-final')
    expect(await played(await startTape())).toBe('no-final')
    expect(await played(await startTape({ case: 'burst' }))).toBe('burst')
    vi.stubEnv('LIVETAPE_CASE', '')
    expect(await played(await startTape())).toBeUndefined()
  })

  plain('is suggested if it is unknown', async () => {
    await expect(startTape({ case: 'no-finals' })).rejects.toThrow(/livetape replay demo --case=no-finals exited with 2[^]*unknown case "no-finals"[^]*did you mean `no-final`\?/)
  })
})

test('a client that does not come back is reported', async ({ startTape }) => {
  const tape = await startTape({ case: 'cut', speed: 'max', timeout: 300, waitClients: 0 })
  const socket = new WebSocket(tape.url).on('error', () => {})
  await new Promise((resolve) => socket.on('close', resolve))
  await until('the break is noticed', async () => (await tape.clients()) === 0)
  await expect(tape.finished()).rejects.toThrow(/^the recording did not end: it is paused; the case `cut` may wait for clients; connected now: .*\n[^]*1 connection was cut/)
})

plain('a program that cannot list them is reported', () => {
  vi.stubEnv('LIVETAPE_BIN', '/nosuch')
  expect(cases).toThrow(/^cannot run \/nosuch: .*ENOENT/)
  vi.stubEnv('LIVETAPE_BIN', process.execPath)
  expect(cases).toThrow('livetape test --list exited with 1')
})

describe.runIf(process.platform !== 'win32')('another program', () => {
  /** Writes a script that stands for the program. */
  async function script(body) {
    const file = path.join(await mkdtemp(path.join(os.tmpdir(), 'livetape-cases-')), 'livetape')
    onTestFinished(() => rm(path.dirname(file), { recursive: true }))
    await writeFile(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    return file
  }

  plain.for(['', 'livetape 0.1.0', '{"cases":[]}', '[1]', '[]'])('that prints %j is not livetape', async (text) => {
    const program = await script(`printf %s '${text}'`)
    vi.stubEnv('LIVETAPE_BIN', program)
    expect(cases).toThrow(expect.objectContaining({ name: 'LivetapeError', code: 'not_installed', message: expect.stringContaining(`${program} is not livetape`) }))
  })

  plain('that hangs is killed, also if its own processes live on', async () => {
    const program = await script('sleep 5 & sleep 5')
    expect(() => casesOf(program, 300)).toThrow(expect.objectContaining({ name: 'LivetapeError', code: 'not_ready', message: expect.stringContaining('did not end within 0.3 s') }))
  })
})
