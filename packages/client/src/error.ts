// What went wrong, with a stable code and what to do.

/** What a server says of a failure, beside its message. */
export interface Details {
  /** What to do. */
  hint?: string
  /** A heading for people. */
  title?: string
  /** The close code, where a socket was closed for it. */
  closeCode?: number
  /** Whether the server goes on trying. */
  retrying?: boolean
  /** When it tries next, in ms. */
  retryAfterMs?: number | null
  /** The room that it is about. */
  roomId?: string
}

/** A failure: one of the server's codes, or `not_connected`, `connection_failed`, `no_websocket`, `timeout`, `gave_up`, `closed`, `buffer_full`, `bad_address`. */
export class ClientError extends Error {
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
