// Checks of arguments: each rejects with `bad_request`.

import { bad, type LivetapeError } from './errors.cjs'

/** Maximum number of edits at which a name is suggested. */
const EDITS_MAX = 3

/** Checks that `value` is an object with no other keys than `names`. An instance of a class may have more. */
export function checkKeys(what: string, value: unknown, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`the ${what} are not an object`)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) checkNames(what, value, names)
}

/** Checks that an object has no other keys than `names`. */
export function checkNames(what: string, value: object, names: readonly string[]): void {
  for (const key of Object.keys(value)) if (!names.includes(key)) throw unknown(what, key, names)
}

/** Kinds of values: the types, and arrays of strings. */
type Kind = 'string' | 'number' | 'boolean' | 'strings' | 'any'

/** Checks that `value` is an object with values of these kinds. Values may be missing. */
export function checkKinds(what: string, value: unknown, kinds: Record<string, Kind>): void {
  checkKeys(what, value, Object.keys(kinds))
  for (const [name, kind] of Object.entries(kinds)) {
    const given = (value as Record<string, unknown>)[name]
    if (given === undefined || kind === 'any') continue
    if (kind === 'strings' && !isStrings(given)) throw bad(`\`${name}\` is not an array of strings`, "pass an array: ['a', 'b']")
    if (kind === 'number') checkWhole(`\`${name}\``, given, 0, Number.MAX_SAFE_INTEGER)
    else if (kind !== 'strings' && typeof given !== kind) throw bad(`\`${name}\` is not a ${kind}: ${show(given)}`)
  }
}

/** Whether a value is an array of strings. */
export const isStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every((it) => typeof it === 'string')

/** Checks a whole number. */
export function checkWhole(name: string, value: unknown, min: number, max: number): void {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw bad(`${name} ${show(value)} is not a whole number from ${min} to ${max}`)
  }
}

/** Checks a function that may be missing. */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw bad(`\`${name}\` is not a function: ${show(value)}`)
}

/** Checks an `AbortSignal` that may be missing. */
export function checkSignal(value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) throw bad(`\`signal\` is not an AbortSignal: ${show(value)}`)
}

/** Checks a text argument. */
export function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw bad(`the ${name} is not a string: ${show(value)}`)
  return value
}

/** Writes a value as JSON. */
export function json(name: string, value: unknown): string {
  let written: string | undefined
  try {
    written = JSON.stringify(value)
  } catch {
    // For example a cycle or a BigInt.
  }
  if (written === undefined) throw bad(`the ${name} cannot be written as JSON`)
  return written
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'

/** Shows a value in a message, also one without a prototype. */
export function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

function unknown(what: string, key: string, names: readonly string[]): LivetapeError {
  const distance = (name: string): number => (key.startsWith(name) || name.startsWith(key) ? 1 : edits(key, name))
  const [nearest] = names.map((name) => ({ name, edits: distance(name) })).sort((a, b) => a.edits - b.edits)
  const hint = nearest && nearest.edits <= EDITS_MAX ? `did you mean \`${nearest.name}\`?` : `choose from ${names.join(', ')}`
  return bad(`the ${what} have an unknown name \`${key}\``, hint)
}

/** Levenshtein distance of two names. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (char === b[j] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
