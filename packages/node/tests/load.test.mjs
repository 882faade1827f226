// Why the addon cannot be loaded, and what to do.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json')))
const PLATFORM = `${process.platform}-${process.arch}`
const IMPORT = "import('@livetape/node').then(() => console.log('{}'), ({ code, message, hint }) => console.log(JSON.stringify({ code, message, hint })))"

/** Installs the package without an addon, and the platform's package if it is given. Returns a function that imports it. */
function install(t, platform) {
  const folder = mkdtempSync(join(tmpdir(), 'livetape-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const target = join(folder, 'node_modules/@livetape/node')
  const filter = (file) => !file.endsWith('.node') && file !== join(PACKAGE, 'dist/seed')
  for (const name of ['dist', 'package.json']) cpSync(join(PACKAGE, name), join(target, name), { recursive: true, filter })
  if (platform) {
    const other = join(folder, `node_modules/@livetape/node-${PLATFORM}`)
    mkdirSync(other)
    writeFileSync(join(other, 'package.json'), JSON.stringify({ version: platform }))
    writeFileSync(join(other, `livetape.${PLATFORM}.node`), 'not an addon')
  }
  return (options = [], before = '') => {
    const { stdout, stderr } = spawnSync(process.execPath, [...options, '--eval', `${before}; ${IMPORT}`], { cwd: folder, encoding: 'utf8' })
    assert.ok(stdout.startsWith('{'), stderr)
    return JSON.parse(stdout.split('\n')[0])
  }
}

test('a missing package of the platform is named with its version', (t) => {
  const load = install(t)
  const { code, message, hint } = load()
  assert.equal(code, 'not_supported')
  assert.match(message, new RegExp(`^cannot load the addon for ${PLATFORM}: Cannot find module`))
  assert.match(hint, new RegExp(`^install @livetape/node-${PLATFORM}@${version} together with this package`))
})

test('platforms without an addon are not told to install one', (t) => {
  const load = install(t)
  const change = (name, value) => `Object.defineProperty(process, '${name}', { value: ${value} })`
  assert.match(load([], change('platform', "'sunos'")).hint, /^use one of darwin-arm64, .* or build it/)
  assert.match(load([], change('arch', "'riscv64'")).hint, /^use one of/)
  assert.match(load([], `${change('platform', "'linux'")}; ${change('arch', "'x64'")}; process.report.getReport = () => ({ header: {} })`).hint, /^use a system with glibc/)
})

test('packages of different versions are reported', (t) => {
  const load = install(t, '0.0.7')
  assert.deepEqual(load(), { code: 'not_supported', message: `@livetape/node-${PLATFORM} is version 0.0.7, but @livetape/node is ${version}`, hint: 'install both in the same version' })
})

test('an addon that Node refuses to load is reported with the flag', (t) => {
  const load = install(t, version)
  assert.equal(load(['--no-addons']).hint, 'run Node without --no-addons')
  assert.match(load().hint, new RegExp(`reinstall @livetape/node-${PLATFORM}@${version}`))
  const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission'
  assert.equal(load([flag, '--allow-fs-read=*', '--no-warnings']).hint, 'run Node with --allow-addons')
})
