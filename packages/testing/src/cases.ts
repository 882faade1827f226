// The cases of `livetape test`.

import { spawnSync } from 'node:child_process'

import { LivetapeError } from './error.js'
import { findProgram, notInstalled } from './program.js'

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
export function cases(): Case[] {
  const program = findProgram()
  const { error, status, stdout, stderr } = spawnSync(program, ['test', '--list', '--json'], { encoding: 'utf8', windowsHide: true })
  if (error) throw notInstalled(program, error.message)
  if (status !== 0) throw new LivetapeError('exited', `livetape test --list exited with ${status}\n${stderr}`)
  return JSON.parse(stdout) as Case[]
}
