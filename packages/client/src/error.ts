// Errors with a stable code and a hint.

/** Details of a failure. */
export interface Details {
  /** Advice on what to do. */
  hint?: string
  /** Headline for people. */
  title?: string
  /** Close code, if the failure closed a socket. */
  closeCode?: number
  /** Whether the server is retrying. */
  retrying?: boolean
  /** Time until the server retries, in ms. */
  retryAfterMs?: number | null
  /** The room concerned. */
  roomId?: string
  /** The error behind this one. */
  cause?: unknown
}

/** A failure. `code` is one of the server's, or `not_connected`, `connection_failed`, `no_websocket`, `timeout`, `gave_up`, `closed`, `buffer_full`, `bad_address`. */
export class ClientError extends Error {
  static {
    // Node prints the name of the class, which the build shortens.
    Object.defineProperty(this, 'name', { value: 'ClientError' })
  }

  override readonly name = 'ClientError'
  declare readonly hint?: string
  declare readonly title?: string
  declare readonly closeCode?: number
  declare readonly retrying?: boolean
  declare readonly retryAfterMs?: number | null
  declare readonly roomId?: string

  constructor(
    readonly code: string,
    message: string,
    details: Details = {},
  ) {
    super(message)
    Object.assign(this, details)
  }
}
