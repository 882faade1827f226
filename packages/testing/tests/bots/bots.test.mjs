// A bot with planted bugs: a test written with these helpers finds each, and its healthy twin passes.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { describe, expect, onTestFinished } from 'vitest'
import { test } from '@livetape/testing/vitest'

const BOT = fileURLToPath(new URL('bot.mjs', import.meta.url))
const LIMITED_ONCE = '[[fault]]\nat = ["sign"]\nkind = "status"\nstatus = 429\nretry_after = 1\ntimes = 1'

/** Starts a tape and the bot. `total` is what the bot prints, once it has exited with 0. `reconnect` lets it return. */
async function start(startTape, bug, options) {
  // Node needs several seconds to start on a busy machine.
  const tape = await startTape({ speed: 'max', mock: {}, timeout: 30_000, ...options })
  const env = { ...process.env, ...tape.env }
  let bot
  const total = new Promise((resolve) => {
    const end = (error, stdout) => resolve(error ? `the bot exited with ${error.code}` : Number(stdout))
    bot = execFile(process.execPath, [BOT, ...(bug ? [bug] : [])], { env }, end)
  })
  onTestFinished(() => bot.kill())
  return { tape, total, reconnect: () => bot.stdin.write('\n') }
}

/** The total of the bot, and that of the tape. */
async function totals({ tape, total }) {
  const { diamonds } = await tape.finished()
  await tape.stop()
  return { bot: await total, tape: diamonds }
}

const CHECKS = {
  async 'ignores Retry-After'(startTape, bug) {
    const { tape } = await start(startTape, bug, { hold: true, mock: { toml: LIMITED_ONCE } })
    await tape.mock.waitFor('/webcast/fetch', 2)
    await expect(tape.mock).toHaveWaited(1_000)
  },

  async 'counts every streak frame'(startTape, bug) {
    const bot = await start(startTape, bug, { end: 1 })
    await bot.tape.waitForClients(1)
    await bot.tape.send.gift({ user: 'ann', gift: 'Rose', count: 5, combo: true })
    const { bot: counted, tape } = await totals(bot)
    expect(counted).toBe(tape)
  },

  async 'does not resume'(startTape, bug) {
    const bot = await start(startTape, bug, { end: 1 })
    await bot.tape.waitForClients(1)
    await bot.tape.finished()
    await bot.tape.drop(1011)
    await bot.tape.send.gift({ user: 'ann', gift: 'Rose', count: 7 })
    bot.reconnect()
    await bot.tape.waitForClients(1)
    const { bot: counted, tape } = await totals(bot)
    expect(counted).toBe(tape)
  },

  async 'dies of an unhandled rejection'(startTape, bug) {
    const { tape, total } = await start(startTape, bug, { hold: true })
    await tape.waitForClients(1)
    await tape.send.viewers({ viewerCount: 12 })
    await tape.send.gift({ user: 'ann', gift: 'Rose', diamonds: 5 })
    await tape.stop()
    expect(await total).toBe(5)
  },
}

const FOUND = {
  'ignores Retry-After': /expected no request for 1000 ms after the failure at \d+ ms; one came after \d+ ms/,
  'counts every streak frame': /expected \+?\d+ to be \d+/,
  'does not resume': /expected \+?\d+ to be \d+/,
  'dies of an unhandled rejection': /expected 'the bot exited with 1' to be 5/,
}

describe.each(Object.keys(CHECKS))('a bot that %s', (bug) => {
  test('is found', async ({ startTape }) => {
    await expect(CHECKS[bug](startTape, bug)).rejects.toThrow(FOUND[bug])
  })

  test('has a healthy twin, which passes the same test', async ({ startTape }) => {
    await CHECKS[bug](startTape, undefined)
  })
})
