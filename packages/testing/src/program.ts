// Finds the livetape program, and asks it for its cases.

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'

import { LivetapeError, isObject } from './error.js'

/** Timeout for a list of cases, in ms. */
const LIST_MS = 10_000

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

const HINT = 'install livetape, or set LIVETAPE_BIN to the path of the program'

export const notInstalled = (program: string, why: string | undefined): LivetapeError =>
  new LivetapeError('not_installed', `cannot run ${program}: ${why}`, HINT)

/** Says how to install the program for this platform, in the version of the package `livetape`. */
function hint(require: NodeJS.Require): string {
  const { version } = require('livetape/package.json') as { version: string }
  return `run \`npm install --save-dev FOLDER/livetape-${process.platform}-${process.arch}-${version}.tgz\`, where FOLDER contains the downloaded package`
}

/** A case: a changed show or broken connections, and what is right afterwards. */
export interface Case {
  /** What {@link TapeOptions.case} takes. */
  name: string
  /** What a client connects to. */
  suite: 'feed'
  /** Whether it changes the show, or breaks connections. */
  group: 'show' | 'connection'
  /** What happens. */
  what: string
  /** What is right. */
  right: string
  /** The first version of livetape with this case. */
  since: string
}

/** Returns the cases of `livetape test`. They come from the program, at once: `test.each(cases())` needs them before the first test. */
export const cases = (): Case[] => casesOf(findProgram(), LIST_MS)

/** Asks a program for its cases, within `ms`. */
export function casesOf(program: string, ms: number): Case[] {
  const { error, status, stdout, stderr } = spawnSync(program, ['test', '--list', '--json'], { encoding: 'utf8', windowsHide: true, timeout: ms, killSignal: 'SIGKILL' })
  if (error && 'code' in error && error.code === 'ETIMEDOUT') throw new LivetapeError('not_ready', `${program} test --list did not end within ${ms / 1000} s`, HINT)
  if (error) throw notInstalled(program, error.message)
  if (status !== 0) throw new LivetapeError('exited', `livetape test --list exited with ${status}\n${stderr}`)
  const listed = parse(stdout)
  if (Array.isArray(listed) && listed.length > 0 && listed.every((it) => isObject(it) && typeof it.name === 'string')) return listed as Case[]
  throw new LivetapeError('not_installed', `${program} is not livetape: it printed no list of cases for \`test --list --json\``, HINT)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
