// The package as users get it: packed, installed in another project, and used in each test runner as the README shows.

import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { serveFolder } from '../../../tests/support/livetape.mjs'
import { run as runIn } from './run.mjs'
import { cases } from '@livetape/testing'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const PACKAGE = here('..')
const PEERS = ['@jest/globals', '@playwright/test', '@types', 'expect', 'jest', 'typescript', 'vitest', 'ws']
// The report has lines of two pipes, output and log, in the order of their arrival.
const LAST_LINES = /last lines of livetape replay demo.*\n(?:.*\[.*\] .*\n)*?.*Serving/g

let project
beforeAll(async () => {
  project = await mkdtemp(path.join(os.tmpdir(), 'livetape-runners-'))
  const modules = path.join(project, 'node_modules')
  await mkdir(path.join(modules, '@livetape/testing'), { recursive: true })
  await run('npm', ['pack', '--ignore-scripts', '--loglevel', 'error', '--pack-destination', project], PACKAGE)
  await run('tar', ['--extract', '--strip-components', '1', '--directory', path.join(modules, '@livetape/testing'), '--file', path.join(project, 'livetape-testing-0.1.0.tgz')])
  for (const scope of ['@jest', '@playwright']) await mkdir(path.join(modules, scope))
  for (const peer of PEERS) await symlink(path.join(PACKAGE, 'node_modules', peer), path.join(modules, peer))
  await writeFile(path.join(project, 'package.json'), '{"private":true}')
  await copyFile(here('projects/bot.cjs'), path.join(project, 'bot.js'))
})
afterAll(() => rm(project, { recursive: true, force: true }))

const run = (program, args, cwd = project, env = {}) => runIn(program, args, { cwd, env })

/** Returns the first snippet of a section of the README. */
async function snippet(section) {
  const readme = await readFile(here('../README.md'), 'utf8')
  return new RegExp(`## ${section}[^#]+?\`\`\`js\n(.+?)\`\`\``, 's').exec(readme)[1]
}

/** Writes the snippet of a section of the README, and the same with another expectation, which fails. */
async function write(section, name, [from, to]) {
  const code = await snippet(section)
  expect(code).toContain(from)
  await mkdir(path.join(project, section))
  const bot = (text) => text.replace('./bot.js', '../bot.js')
  await writeFile(path.join(project, section, `passes.${name}`), bot(code))
  await writeFile(path.join(project, section, `fails.${name}`), bot(code.replace(from, to)))
}

test('Vitest: the snippet of the README passes, and only a failed test prints the last lines', async () => {
  await write('Vitest', 'test.mjs', ['toBe(diamonds)', 'toBe(-1)'])
  const { code, output } = await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'Vitest'])
  expect(code).toBe(1)
  expect(output).toMatch(/Tests +1 failed \| 1 passed/)
  expect(output).toMatch(/stderr \| Vitest\/fails\.test\.mjs/)
  expect(output.match(LAST_LINES)).toHaveLength(1)
})

test('Vitest: the snippet for cases passes in each, with a bot that is right', { timeout: 180_000 }, async () => {
  await mkdir(path.join(project, 'Cases'))
  await copyFile(here('projects/bot.cjs'), path.join(project, 'Cases/bot.js'))
  await writeFile(path.join(project, 'Cases/cases.test.mjs'), await snippet('Cases'))
  const { code, output } = await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'Cases'])
  expect([code, output]).toEqual([0, expect.stringMatching(new RegExp(`Tests +${cases().length} passed`))])
})

test('Vitest: an error that has the last lines is their only report', async () => {
  await mkdir(path.join(project, 'once'))
  const code = `import { expect } from 'vitest'
import { test } from '@livetape/testing/vitest'
test('waits in vain', async ({ startTape }) => (await startTape({ hold: true })).waitForClients(1, { timeout: 1 }))
test('expects in vain', async ({ startTape }) => expect(await startTape({ hold: true })).toHaveSent('gift', 1))
test('the other server is still reported', async ({ startTape }) => {
  await startTape({ hold: true })
  await (await startTape({ hold: true })).waitForClients(1, { timeout: 1 })
})`
  await writeFile(path.join(project, 'once/once.test.mjs'), code)
  const { output } = await run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'once'])
  expect(output).toMatch(/Tests +3 failed/)
  const reports = (text) => text.match(LAST_LINES)?.length ?? 0
  expect(reports(output)).toBe(4)
})

test('Jest: the snippet of the README passes, and only a failed test prints the last lines', async () => {
  await write('Jest', 'test.cjs', ["toHaveSent('chat', 1)", "toHaveSent('chat', 2)"])
  const { code, output } = await run(process.execPath, ['node_modules/jest/bin/jest.js', '--rootDir', path.join(project, 'Jest')])
  expect(code).toBe(1)
  expect(output).toMatch(/Tests: +1 failed, 1 passed/)
  expect(output).toContain('expected 2 events of type chat, got 1')
  expect(output.match(LAST_LINES)).toHaveLength(1)
})

test('Jest: fake timers do not affect a tape', async () => {
  const code = `const { withTape } = require('@livetape/testing/jest')
test('times out', async () => {
  jest.useFakeTimers()
  await expect(withTape({ hold: true, timeout: 200 }, (tape) => tape.waitForClients(1))).rejects.toMatchObject({ code: 'timeout' })
})`
  await mkdir(path.join(project, 'fake'))
  await writeFile(path.join(project, 'fake/fake.test.cjs'), code)
  const { code: exit, output } = await run(process.execPath, ['node_modules/jest/bin/jest.js', '--rootDir', path.join(project, 'fake')])
  expect([exit, output]).toEqual([0, expect.stringMatching(/1 passed/)])
})

describe('Playwright', () => {
  let pages
  beforeAll(async () => (pages = await serveFolder(here('../../../examples'))))
  afterAll(() => pages.close())

  test('the snippet of the README passes, a failed test has the log and the events attached, and `expect` has the matchers', async () => {
    await write('Playwright', 'spec.mjs', ['×5', '×6'])
    await copyFile(here('../playwright.config.mjs'), path.join(project, 'playwright.config.mjs'))
    const spec = path.join(project, 'Playwright/fails.spec.mjs')
    await writeFile(spec, (await readFile(spec, 'utf8')).replace('useInnerText: true', 'useInnerText: true, timeout: 500'))
    const matchers = `import { expect, test } from '@livetape/testing/playwright'
test('matchers', async ({ startMock }) => expect(await startMock()).toHaveReceived('enter', 2))`
    await writeFile(path.join(project, 'Playwright/matchers.spec.mjs'), matchers)
    const env = { TESTS: path.join(project, 'Playwright'), REPORT: path.join(project, 'report.json'), OUTPUT: path.join(project, 'output'), BASE_URL: pages.url }
    const { code } = await run(process.execPath, ['node_modules/@playwright/test/cli.js', 'test', '--config', 'playwright.config.mjs'], project, env)
    expect(code).toBe(1)
    const { suites } = JSON.parse(await readFile(env.REPORT, 'utf8'))
    const results = Object.fromEntries(suites.map(({ file, specs }) => [file, specs[0].tests[0].results[0]]))
    const [passes, fails] = ['passes', 'fails'].map((name) => results[`${name}.spec.mjs`])
    expect(results['matchers.spec.mjs'].errors[0].message).toContain('expected 2 clients that enter, got 0')
    expect(passes).toMatchObject({ status: 'passed', attachments: [] })
    expect(fails).toMatchObject({ status: 'failed' })
    const attached = Object.fromEntries(fails.attachments.map(({ name, body }) => [name, Buffer.from(body ?? '', 'base64').toString()]))
    expect(attached['livetape.log']).toMatch(LAST_LINES)
    expect(JSON.parse(attached['livetape-events.ndjson'].split('\n')[0])).toMatchObject({ type: 'gift', injected: true, data: { sender: 'ann', repeatCount: 5 } })
  })
})

test('strict TypeScript accepts modules and CommonJS, and checks fields', async () => {
  const asUsers = (text) => text.replaceAll('../src/index.js', '@livetape/testing').replaceAll(/\.\.\/src\/(\w+)\.js/g, '@livetape/testing/$1')
  const code = asUsers(await readFile(here('types.ts'), 'utf8'))
  await writeFile(path.join(project, 'types.test.mts'), code)
  await writeFile(path.join(project, 'types.test.cts'), `import { startMock } from '@livetape/testing'\nimport { withTape } from '@livetape/testing/jest'\nvoid withTape({ mock: 's.toml' }, (tape) => startMock({ toml: tape.url }))`)
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'ES2022', '--lib', 'ES2022,ESNext.Disposable,DOM', '--module', 'NodeNext', '--types', 'node']
  expect(await run(process.execPath, ['node_modules/typescript/bin/tsc', ...flags, 'types.test.mts', 'types.test.cts'])).toEqual({ code: 0, output: '' })
})

test('CommonJS and modules export the same', async () => {
  const names = (load) => `${load}.then((all) => console.log(Object.keys(all).filter((name) => name !== 'default' && name !== 'module.exports').sort().join()))`
  const evaluate = async (code) => (await run(process.execPath, ['--eval', code])).output.trim()
  const expected = 'LivetapeError,Mock,PATIENCE_MS,Tape,cases,matchers,startMock,startTape,withTape'
  expect(await evaluate(names("import('@livetape/testing')"))).toBe(expected)
  expect(await evaluate(names("Promise.resolve(require('@livetape/testing'))"))).toBe(expected)
})
