// The error that everything here throws, and checks that throw it.

import { inspect } from 'node:util'

/** A failure. `code` is one of the server's, or `not_installed`, `exited`, `not_ready`, `wrong_version`, `timeout`, `events_missed`, `unmet`. */
export class LivetapeError extends Error {
  override readonly name = 'LivetapeError'
  /** Advice on what to do. */
  declare readonly hint?: string

  constructor(
    readonly code: string,
    message: string,
    hint?: string,
  ) {
    super(hint ? `${message}\n  hint: ${hint}` : message)
    if (hint) this.hint = hint
  }
}

// Mistakes in a test that types cannot rule out are rejected: a wrong value would otherwise pass silently.

/** Maximum timeout, in ms: timers of Node do not accept more. */
const TIMEOUT_MS_MAX = 2_147_483_647
/** Maximum number of edits between an unknown name and the one that is suggested. */
const EDITS_MAX = 3

/** Creates the error for a wrong value. */
export function wrong(name: string, value: unknown, hint: string, is = 'is'): LivetapeError {
  return new LivetapeError('bad_request', `${name} ${is} ${shown(value)}`, hint)
}

const shown = (value: unknown) => inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 100 })

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

export const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0

/** Rejects keys of `options` that are not known, and suggests the nearest that is. */
export function checkKeys(options: unknown, known: readonly string[]): void {
  if (!isObject(options)) throw wrong('the options', options, 'pass an object', 'are')
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown === undefined) return
  const [nearest] = known.map((name) => ({ name, edits: edits(unknown.toLowerCase(), name.toLowerCase()) })).sort((a, b) => a.edits - b.edits)
  // A short name has few letters in common with anything.
  const isNear = nearest !== undefined && nearest.edits <= Math.min(EDITS_MAX, unknown.length / 2)
  throw new LivetapeError('bad_request', `unknown option \`${unknown}\``, isNear ? `did you mean \`${nearest.name}\`?` : `choose one of: ${known.join(', ')}`)
}

/** Number of letters to insert, delete or replace to turn one text into the other. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === other ? 0 : 1)))
    row = next
  }
  return row.at(-1)!
}

/** Rejects options that are neither an object nor a path. */
export function checkOptions(options: unknown, file: string, known: readonly string[]): void {
  if (isObject(options)) return checkKeys(options, known)
  if (typeof options !== 'string') throw wrong('the options', options, orPath(file), 'are')
}

/** Rejects a mock that is neither an object nor a path. `startMock` checks the keys. */
export function checkMock(mock: unknown): void {
  if (mock !== undefined && typeof mock !== 'string' && !isObject(mock)) throw wrong('`mock`', mock, orPath('scenario'))
}

const orPath = (file: string) => `pass an object, or the path of a ${file}`

export function checkRecording(recording: unknown): void {
  if (recording === undefined || (typeof recording === 'string' && recording !== '')) return
  throw wrong('`recording`', recording, "pass a path, or 'demo'")
}

export function checkTimeout(timeout: unknown): void {
  if (typeof timeout === 'number' && timeout >= 0 && timeout <= TIMEOUT_MS_MAX) return
  throw wrong('`timeout`', timeout, `pass a number of milliseconds from 0 to ${TIMEOUT_MS_MAX}`)
}

/** Prevents that a file whose name begins with a dash is read as a flag. */
export const asPath = (file: string): string => (file.startsWith('-') ? `./${file}` : file)
