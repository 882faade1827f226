// The projects of `examples/projects`, as their READMEs say: each is copied, installed from our packages, and tested.
// `node projects.mjs PACKAGES TARGET NAME…` does so for some, with the program at `LIVETAPE_BIN`.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test, { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
/** Number of tests that pass in each. */
const PASSED = { node: 6, python: 6, overlay: 6, rust: 3 }

/** Adds a test for each project. In `root/NAME`, it leaves what the commands of the README made. */
export async function projects({ root, packages, target, env = {}, names = Object.keys(PASSED) }) {
  const checkout = path.join(root, 'checkout')
  await mkdir(path.join(checkout, 'target'), { recursive: true })
  await symlink(packages, path.join(checkout, 'target/packages'))
  for (const name of await readdir(REPOSITORY)) if (name !== 'target') await symlink(path.join(REPOSITORY, name), path.join(checkout, name))
  const user = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LIVETAPE')))
  // npm and cargo find third parties in their caches, where `.ci/setup` puts those of the lock files, and ask for no names of ours.
  const offline = { npm_config_offline: 'true', CARGO_NET_OFFLINE: 'true', CARGO_TARGET_DIR: path.join(target, 'bots-rust') }
  const all = { ...user, ...offline, NO_COLOR: '1', CI: '1', PYTHONDONTWRITEBYTECODE: '1', ...env }

  for (const name of names) {
    test(`the project ${name} is installed and tested as its README says`, async () => {
      const cwd = path.join(root, name)
      await mkdir(cwd)
      await symlink(checkout, path.join(cwd, 'livetape'))
      const readme = await readFile(path.join(REPOSITORY, `examples/projects/${name}/README.md`), 'utf8')
      const commands = /```console\n([^]*?)```/.exec(readme)[1].replaceAll(/^\$ /gm, '')
      const run = promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', commands], { cwd, env: all, maxBuffer: 64 << 20 })
      const { code = 0, stdout, stderr } = await run.catch((error) => error)
      assert.equal(code, 0, stdout + stderr)
      assert.match(stdout, new RegExp(`${PASSED[name]} passed`))
    })
  }
}

const [script, packages, target, ...names] = process.argv.slice(1)
if (script === fileURLToPath(import.meta.url)) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'livetape-projects-'))
  after(() => rm(root, { recursive: true, force: true }))
  await projects({ root, packages: path.resolve(packages), target: path.resolve(target), env: { LIVETAPE_BIN: process.env.LIVETAPE_BIN }, names })
}
