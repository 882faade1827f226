// Finds the livetape program.

import { createRequire } from 'node:module'
import path from 'node:path'

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
    // Throws if the program for this platform is missing.
    return (require('livetape') as { path: string }).path
  }
  return 'livetape'
}
