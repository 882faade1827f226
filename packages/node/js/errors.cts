// Errors: each has a stable `code` and a `hint`.

/** A failure with a stable code: see the table of error codes in docs/reference.md. */
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
    super('socket_closed', `the socket ${id} is closed`, 'check `socket.isOpen` first')
  }
}

/** A handler threw or rejected. `cause` is what it threw. */
export class HandlerError extends LivetapeError {
  override name = 'HandlerError'

  constructor(handler: string, cause: unknown) {
    super('handler_failed', `${handler} failed: ${cause instanceof Error ? cause.message : String(cause)}`, '', { cause })
  }
}

/** Unpacks an error of the addon. */
export function unpack(error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith('{')) return error
  try {
    const { code, message, hint } = JSON.parse(error.message)
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
