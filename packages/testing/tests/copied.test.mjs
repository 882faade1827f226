// The tests that the dashboard copies for an event, run as they are: the recording ends with this event, and the right number is the client's.

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { testSnippet } from '../../../web/src/lib/snippets.ts'
import { LIVETAPE } from '../../../tests/support/livetape.mjs'
import { run } from './run.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
/** Up to the sixth chat of the demo. */
const PART = { recording: 'demo', fromMs: 0, toMs: 3267, total: 'chats' }
/** While a case is played, its show is the recording. */
const CASE = { ...PART, recording: 'demo (names)', case: 'names' }

/** A bot that prints its number of chats, and has it for the tests. */
const BOT = `const { WebSocket } = require('ws')

exports.startBot = (url) => {
  const socket = new WebSocket(url)
  const bot = { chats: 0, stop: () => socket.close() }
  socket.on('message', (text) => {
    if (JSON.parse(text).type !== 'chat') return
    bot.chats += 1
    console.log('chats: ' + bot.chats)
  })
  return bot
}
if (process.env.LIVETAPE_URL) exports.startBot(process.env.LIVETAPE_URL)
`
const PYTHON_BOT = `import threading

from livetape import connect


class Bot:
    def __init__(self, url):
        self.count = 0
        self.thread = threading.Thread(target=self.read, args=[url])
        self.thread.start()

    def read(self, url):
        for event in connect(url, reconnect=False):
            self.count += event.type == "chat"

    def chats(self):
        self.thread.join()
        return self.count


start_my_bot = Bot
`

let project
beforeAll(async () => {
  project = await mkdtemp(path.join(os.tmpdir(), 'livetape-copied-'))
  const modules = path.join(project, 'node_modules')
  await mkdir(path.join(modules, '@livetape'), { recursive: true })
  for (const name of ['vitest', 'ws']) await symlink(here(`../node_modules/${name}`), path.join(modules, name))
  await symlink(here('..'), path.join(modules, '@livetape/testing'))
  await symlink(LIVETAPE, path.join(project, 'livetape'))
  const files = { 'package.json': '{"private":true}', 'bot.js': BOT, 'bot.py': PYTHON_BOT }
  for (const [name, part] of Object.entries({ moment: PART, case: CASE })) {
    files[`${name}.test.mjs`] = testSnippet('vitest', part)
    files[`test_${name}.py`] = testSnippet('pytest', part)
    files[`${name}.sh`] = testSnippet('shell', part)
  }
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(project, name), text)
})
afterAll(() => rm(project, { recursive: true, force: true }))

const runHere = (program, args, env = {}) => run(program, args, { cwd: project, env: { LIVETAPE_BIN: LIVETAPE, PATH: `${project}${path.delimiter}${process.env.PATH}`, ...env } })

test('the tests for Vitest pass', async () => {
  const { code, output } = await runHere(process.execPath, ['node_modules/vitest/vitest.mjs', 'run'])
  expect([code, output]).toEqual([0, expect.stringMatching(/2 passed/)])
})

test('the tests for pytest pass', async () => {
  const env = { PYTHONPATH: here('../../python/src'), PYTHONDONTWRITEBYTECODE: '1' }
  const { code, output } = await runHere(here('../../../target/python/bin/python'), ['-m', 'pytest', '-p', 'livetape.plugin'], env)
  expect([code, output]).toEqual([0, expect.stringMatching(/2 passed/)])
})

test.each(['moment.sh', 'case.sh'])('the commands for the shell pass: %s', async (script) => {
  const { code, output } = await runHere('bash', ['-eu', script])
  expect([code, output]).toEqual([0, expect.stringContaining('1 of 1 case passed')])
})

test('the tests for Rust are tests of the crate', async () => {
  const tests = await readFile(here('../../../crates/testing/tests/users/copied.rs'), 'utf8')
  for (const part of [PART, CASE]) expect(tests).toContain(testSnippet('rust', part).replace(/^use .*\n+/gm, ''))
})
