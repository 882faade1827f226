// Builds dist/: the addon, copied from cargo's target folder, and the JavaScript with its types.
// `--addon FILE` uses an addon that is already built.

import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const run = (program, ...args) => {
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const given = process.argv.indexOf('--addon')
let addon = process.argv[given + 1]
if (given < 0) {
  run('cargo', 'build', '--release', '--package', 'livetape-node')
  const name = { darwin: 'liblivetape_node.dylib', win32: 'livetape_node.dll' }[process.platform] ?? 'liblivetape_node.so'
  addon = join(process.env.CARGO_TARGET_DIR ?? join(root, '../../target'), 'release', name)
}
mkdirSync(join(root, 'dist'), { recursive: true })
copyFileSync(addon, join(root, 'dist', `livetape.${process.platform}-${process.arch}.node`))
// The types of events are those of the client, which are generated from the server's schema.
copyFileSync(join(root, '../client/src/events.ts'), join(root, 'js/events.cts'))
run(process.execPath, join(root, 'node_modules/typescript/bin/tsc'))
