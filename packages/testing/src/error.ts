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
