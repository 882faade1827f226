import { cases } from '@livetape/testing'
import { test } from '@livetape/testing/vitest'
import { expect, onTestFinished } from 'vitest'

import { Bot } from './bot.mjs'

/** What the bot once counted wrong: `npx --no-install livetape test --list` describes each case. */
const REGRESSIONS = ['again', 'no-final', 'late-final', 'cut-in-streak']

async function start(url) {
  const bot = new Bot({ url })
  onTestFinished(() => bot.client.disconnect())
  await bot.client.connect()
  return bot
}

test('counts a streak once', async ({ startTape }) => {
  const tape = await startTape({ hold: true })
  const bot = await start(tape.url)
  await tape.send.gift({ user: 'ann', gift: 'Rose', count: 5, combo: true })
  await expect.poll(() => bot.totals).toMatchObject({ gifts: 5, diamonds: 5 })
  expect(bot.topGifter).toBe('ann')
})

test.for(cases().filter(({ name }) => REGRESSIONS.includes(name)))('$name: $right', async ({ name }, { startTape }) => {
  const tape = await startTape({ case: name, speed: 'max' })
  const bot = await start(tape.url)
  await tape.finished()
  const { diamonds, likes } = await tape.truth()
  await expect.poll(() => bot.totals).toMatchObject({ diamonds, likes })
})

test('comes back after a broken connection, and stays away after the end', async ({ startTape }) => {
  const tape = await startTape({ hold: true })
  const bot = await start(tape.url)
  await tape.drop(1011)
  await tape.waitForClients(1)
  await tape.send.chat({ user: 'ann', comment: 'still there?' })
  await expect.poll(() => bot.totals.chats).toBe(1)
  await tape.drop(1000)
  await expect.poll(() => bot.client.getStatus()).toBe('disconnected')
})
