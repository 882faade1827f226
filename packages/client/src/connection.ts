// Opens sockets, reconnects and gives up. Hooks handle the messages.

import { ClientError } from './error.js'
import { CLOSE, isFinal } from './resume.js'
import type { WebSocketClientOptions, WebSocketConstructor, WebSocketLike } from './types.js'

/** A connection that lasts this long, or delivers a message, resets the number of attempts. In ms. */
const HEALTHY_MS = 5000
/** Attempts after `client_id_taken`, if the option allows fewer. Our previous socket holds the client ID until the server notices that it is broken: up to two ping intervals. */
const GHOST_ATTEMPTS_MIN = 8
const OPEN = 1

/** Options of a client. Its WebSocket class may be set later. */
type Policy = Required<Pick<WebSocketClientOptions, 'autoReconnect' | 'maxReconnectAttempts' | 'reconnectDelay' | 'maxReconnectDelay' | 'jitter' | 'connectTimeout'>> & { webSocket?: WebSocketConstructor | undefined }

/** Callbacks of a connection. */
interface Hooks {
  address(): { url: string; protocols: string[] }
  /** The socket is open. If an earlier one got a client ID, so has this one. */
  opened(): void
  text(text: string): void
  binary(bytes: ArrayBuffer): void
  /** Finds the reason for which a socket did not open, if it is a final one. */
  refusal?(): Promise<ClientError | undefined>
  /** The socket closed. Called before the connection retries or, if `final`, gives up. */
  closed(code: number, reason: string, final: boolean, refusal?: ClientError): void
  waits(attempt: number, delayMs: number): void
  /** The connection gave up. */
  over(code: number, error: ClientError): void
}

export class Connection {
  webSocket: WebSocketConstructor | undefined
  readonly #policy: Policy
  readonly #hooks: Hooks
  #socket: WebSocketLike | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #attempt = 0
  #wasOpen = false
  #hadClientId = false
  #isAfresh = false

  constructor(policy: Policy, hooks: Hooks) {
    this.#policy = policy
    this.webSocket = policy.webSocket
    this.#hooks = hooks
  }

  get isOpen(): boolean {
    return this.#wasOpen && this.#socket?.readyState === OPEN
  }

  /** Resets the number of attempts, because the connection works. */
  healthy(hasClientId = false): void {
    this.#attempt = 0
    this.#isAfresh = false
    this.#hadClientId ||= hasClientId
    this.#ready()
  }

  open(): void {
    this.#drop()
    this.#wasOpen = false
    let socket: WebSocketLike
    try {
      const { url, protocols } = this.#hooks.address()
      const WebSocket = this.webSocket as WebSocketConstructor
      socket = protocols.length > 0 ? new WebSocket(url, protocols) : new WebSocket(url)
    } catch (error) {
      return this.#hooks.over(CLOSE.LOST, new ClientError('bad_address', error instanceof Error ? error.message : String(error)))
    }
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      this.#after(HEALTHY_MS, () => this.healthy())
      // A server that sends a welcome may still refuse the client ID, which our previous socket holds.
      if (!this.#hadClientId) this.#ready()
    }
    socket.onmessage = ({ data }) => (typeof data === 'string' ? this.#hooks.text(data) : this.#hooks.binary(data))
    socket.onerror = () => {
      if (this.#wasOpen) return
      // Node's own WebSocket sends no `close` after this, and others one without a reason.
      socket.onclose = null
      clearTimeout(this.#timer)
      void this.#refused(socket)
    }
    socket.onclose = ({ code, reason }) => this.#closed(code, String(reason ?? ''))
    this.#after(this.#policy.connectTimeout, () => this.lose(`not open within ${this.#policy.connectTimeout} ms`))
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (!this.isOpen) throw new ClientError('not_connected', 'not connected', { hint: 'wait for the `connected` event' })
    this.#socket?.send(data)
  }

  /** Treats the socket as broken, without a closing handshake, which would get no answer. */
  lose(reason: string): void {
    if (this.#socket) this.#closed(CLOSE.LOST, reason)
  }

  /** Closes the connection without retrying. */
  close(): void {
    this.#drop(CLOSE.NORMAL)
  }

  #ready(): void {
    if (this.#wasOpen || !this.#socket) return
    this.#wasOpen = true
    this.#hooks.opened()
  }

  /** Ends an attempt that failed before the socket was open, after asking for the reason. */
  async #refused(socket: WebSocketLike): Promise<void> {
    const refusal = await this.#hooks.refusal?.()
    // In the meantime, the client may have given this socket up.
    if (this.#socket === socket) this.#closed(CLOSE.LOST, '', refusal)
  }

  #closed(code: number, reason: string, refusal?: ClientError): void {
    this.#drop()
    // A healthy server may not know the position, so the first retry does not wait. Later ones do.
    if (code === CLOSE.UNKNOWN_POSITION && !this.#isAfresh) [this.#attempt, this.#isAfresh] = [0, true]
    // The server may not have noticed yet that our previous socket is gone.
    const isGhost = code === CLOSE.POLICY && reason === 'client_id_taken' && this.#hadClientId
    const detail = { closeCode: code }
    const final = (isFinal(code) && !isGhost) || refusal !== undefined
    const attemptsMax = isGhost ? Math.max(this.#policy.maxReconnectAttempts, GHOST_ATTEMPTS_MIN) : this.#policy.maxReconnectAttempts
    const isExhausted = this.#attempt >= attemptsMax
    const ends = final || !this.#policy.autoReconnect || isExhausted
    this.#hooks.closed(code, reason, ends, refusal)
    if (!ends) return this.#wait(code)
    if (refusal) this.#hooks.over(code, refusal)
    else if (final) this.#hooks.over(code, new ClientError(reason || 'closed', `closed with ${code} ${reason}`.trim(), detail))
    else if (this.#policy.autoReconnect) this.#hooks.over(code, new ClientError('gave_up', `gave up after ${this.#attempt} attempts`, detail))
    else if (this.#wasOpen) this.#hooks.over(code, new ClientError('closed', `closed with ${code} ${reason}`.trim(), detail))
    else this.#hooks.over(code, new ClientError('connection_failed', `no connection: ${reason || 'the server cannot be reached'}`, detail))
  }

  #wait(code: number): void {
    const doubled = Math.min(this.#policy.reconnectDelay * 2 ** this.#attempt, this.#policy.maxReconnectDelay)
    // The server is healthy, so there is no reason to wait.
    const atOnce = this.#attempt === 0 && (code === CLOSE.UNKNOWN_POSITION || code === CLOSE.SLOW_CONSUMER)
    const delayMs = atOnce ? 0 : this.#policy.jitter ? Math.random() * doubled : doubled
    this.#attempt += 1
    this.#hooks.waits(this.#attempt, delayMs)
    this.#after(delayMs, () => this.open())
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer)
    if (Number.isFinite(ms)) this.#timer = setTimeout(then, ms)
  }

  /** Closes the socket and ignores everything that it still sends. */
  #drop(code?: number): void {
    clearTimeout(this.#timer)
    const socket = this.#socket
    if (!socket) return
    this.#socket = undefined
    socket.onopen = socket.onmessage = socket.onclose = null
    // `ws` throws if an error has no listener.
    socket.onerror = () => undefined
    socket.close(code)
  }
}
