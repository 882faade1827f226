// Errors: each has a stable `code` and a `hint`.

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
