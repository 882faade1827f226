// The score of a client: in how many cases of `livetape test --suite room` it is right.

import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const bot = fileURLToPath(new URL('bot.mjs', import.meta.url))
/** How long all cases may take, in ms. */
const SCORE_MS_MAX = 600_000

/** Returns how many cases a client passes, and the names of the others. */
export async function scoreOf(livetape, target, { name, ca }) {
  const suite = ca ? '--mock-proxy' : '--suite=room'
  const numbers = ['--expect', 'chats: {chats}', '--expect', 'likes: {likes}']
  const args = ['test', 'demo', suite, '--json', ...numbers, '--', process.execPath, bot, target, name]
  // A failed case is no error.
  const { stdout } = await promisify(execFile)(livetape, args, { cwd: root, timeout: SCORE_MS_MAX, maxBuffer: 64 << 20 }).catch((error) => error)
  const { cases } = JSON.parse(stdout)
  const failed = cases.filter(({ passed }) => !passed).map(({ name }) => `\`${name}\``).sort()
  return `${cases.length - failed.length} of ${cases.length} | ${failed.join(', ')}`
}
