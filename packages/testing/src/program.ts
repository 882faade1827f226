// Finds the livetape program.

import { createRequire } from 'node:module'
import path from 'node:path'

import { LivetapeError } from './error.js'

/** Returns the program: `LIVETAPE_BIN`, else that of the npm package `livetape`, else `livetape` on the PATH. */
export function findProgram(): string {
  if (process.env.LIVETAPE_BIN) return process.env.LIVETAPE_BIN
  // From the user's project first, then from this package, whose dependencies a package manager may keep apart.
  for (const from of [path.join(process.cwd(), 'package.json'), import.meta.url]) {
    const require = createRequire(from)
    try {
      require.resolve('livetape/package.json')
    } catch {
      continue
    }
    try {
      return (require('livetape') as { path: string }).path
    } catch (cause) {
      throw Object.assign(new LivetapeError('not_installed', (cause as Error).message, hint(require)), { cause })
    }
  }
  return 'livetape'
}

export const notInstalled = (program: string, why: string | undefined): LivetapeError =>
  new LivetapeError('not_installed', `cannot run ${program}: ${why}`, 'install livetape, or set LIVETAPE_BIN to the path of the program')

/** Says how to install the program for this platform, in the version of the package `livetape`. */
function hint(require: NodeJS.Require): string {
  const { version } = require('livetape/package.json') as { version: string }
  return `run \`npm install --save-dev FOLDER/livetape-${process.platform}-${process.arch}-${version}.tgz\`, where FOLDER contains the downloaded package`
}
