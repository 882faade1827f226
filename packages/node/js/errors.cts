// Errors: each has a stable `code` and a `hint`. The checks of arguments reject with `bad_request`.

/** A failure with a stable code. The README lists those of this package; the others are the server's. */
export class LivetapeError extends Error {
  override name = 'LivetapeError'
  /** Stable code, such as `port_in_use`. */
  readonly code: string
  /** Advice on what to do; may be empty. */
  readonly hint: string

  constructor(code: string, message: string, hint = '', options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}

/** The socket is closed, or about to be. */
export class SocketClosedError extends LivetapeError {
  override name = 'SocketClosedError'

  constructor(id: string) {
    super('socket_closed', `the socket ${id} is closed`, 'check `socket.isOpen` first, or catch this')
  }
}

/** A handler threw, rejected or returned something invalid. `cause` is what it threw, or the fault of its result. */
export class HandlerError extends LivetapeError {
  override name = 'HandlerError'

  constructor(handler: string, cause: unknown) {
    super('handler_failed', `${handler} failed: ${describe(cause)}`, cause instanceof LivetapeError ? cause.hint : '', { cause })
  }
}

/** Returns the message of an error, or another value as text. Both can throw. */
function describe(cause: unknown): string {
  try {
    return cause instanceof Error ? cause.message : String(cause)
  } catch {
    return 'a value that cannot be shown'
  }
}

/** Codes of the binding for arguments of a wrong type. */
const WRONG_TYPE = /Expected$|^InvalidArg$/

/** Unpacks an error of the addon. */
export function unpack(error: unknown): unknown {
  // In a `node:vm` context, such as that of a test in Jest, it is an `Error` of another context.
  const { code: kind, message: packed } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (typeof packed !== 'string') return error
  if (WRONG_TYPE.test(String(kind))) return bad(packed)
  if (!packed.startsWith('{')) return error
  try {
    const { code, message, hint } = JSON.parse(packed)
    return new LivetapeError(code, message, hint)
  } catch {
    return error
  }
}

/** Calls the addon. */
export function call<T>(f: () => T): T {
  try {
    return f()
  } catch (error) {
    throw unpack(error)
  }
}

/** Calls the addon, and waits for its answer. */
export async function request<T>(f: () => Promise<T>): Promise<T> {
  try {
    return await f()
  } catch (error) {
    throw unpack(error)
  }
}

/** Returns an error for an invalid argument. */
export const bad = (message: string, hint = ''): LivetapeError => new LivetapeError('bad_request', message, hint)

/** A rejected promise that notices whether someone handles it. */
class Rejected extends Promise<never> {
  isHandled = false

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  override then<A = never, B = never>(
    onFulfilled?: ((value: never) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isHandled = true
    return super.then(onFulfilled, onRejected)
  }
}

/**
 * Calls `f`, and returns its result as a promise. A failure that nobody awaits or catches reaches the log instead of ending the process: a
 * client may leave, and a room disappear, at any time.
 */
export function settle<T>(f: () => T, log: (error: LivetapeError) => void): Promise<T> {
  try {
    return Promise.resolve(f())
  } catch (error) {
    const failed = new Rejected((_, reject) => reject(error))
    const check = (): void => void (failed.isHandled || log(error as LivetapeError))
    Promise.prototype.then.call(failed, undefined, () => setImmediate(check))
    return failed
  }
}

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
