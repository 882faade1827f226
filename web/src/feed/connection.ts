/** The feed: connects, comes back where it broke, and tells what was lost. No page, no timer of its own but one. */

export interface LinkState {
  state: 'connecting' | 'open' | 'waiting' | 'over'
  /** The close code and reason of the last socket. */
  code: number
  reason: string
  /** When the next attempt follows, in ms since 1970. */
  retryAt: number
}

export interface Listener {
  message(json: string): void
  state(state: LinkState): void
  /** The position is gone: another stream, or too old. What came in between is not known here. */
  lost(code: number): void
  opened(fresh: boolean): void
}

/** Waits before attempts, in ms; the last one for ever. */
const WAITS_MS = [1000, 2000, 4000, 8000, 16_000]
const UNKNOWN_POSITION = 4001
const SLOW_CONSUMER = 4101

/** Final are 1000, 1008, 1009 and private codes below 4100, but for 4001: see docs/reference.md. */
export const isFinal = (code: number): boolean =>
  code === 1000 || code === 1008 || code === 1009 || (code >= 4000 && code < 4100 && code !== UNKNOWN_POSITION)

/** The address to ask: from the start of the backlog, or behind what was seen. */
export function address(base: string, position: string | undefined): string {
  const url = new URL(base)
  url.searchParams.set('since', position ?? '0')
  url.searchParams.set('on_gap', 'skip')
  url.searchParams.set('raw', '1')
  return url.href
}

export class Connection {
  #socket: WebSocket | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #attempt = 0
  #position: string | undefined
  state: LinkState = { state: 'connecting', code: 0, reason: '', retryAt: 0 }

  constructor(
    private readonly base: string,
    private readonly protocols: string[],
    private readonly listener: Listener,
  ) {}

  /** What was seen last. */
  seen(stream: string, seq: number): void {
    if (stream !== '' && seq > 0) this.#position = `${stream}:${seq}`
  }

  open(): void {
    clearTimeout(this.#timer)
    this.#set({ ...this.state, state: 'connecting', retryAt: 0 })
    const socket = new WebSocket(address(this.base, this.#position), this.protocols)
    this.#socket = socket
    const fresh = this.#position === undefined
    socket.onopen = () => {
      this.#set({ state: 'open', code: 0, reason: '', retryAt: 0 })
      this.listener.opened(fresh)
    }
    socket.onmessage = ({ data }) => {
      this.#attempt = 0
      this.listener.message(typeof data === 'string' ? data : '')
    }
    socket.onclose = ({ code, reason }) => this.#closed(code, reason)
  }

  /** Tries at once, whatever was agreed. */
  retry(): void {
    if (this.state.state === 'waiting' || this.state.state === 'over') {
      this.#attempt = 0
      this.open()
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    if (this.#socket) this.#socket.onclose = this.#socket.onmessage = this.#socket.onopen = null
    this.#socket?.close()
  }

  #closed(code: number, reason: string): void {
    if (isFinal(code)) return this.#set({ state: 'over', code, reason, retryAt: 0 })
    if (code === UNKNOWN_POSITION) {
      this.#position = undefined
      this.listener.lost(code)
    }
    const base = WAITS_MS[Math.min(this.#attempt, WAITS_MS.length - 1)] as number
    const atOnce = this.#attempt === 0 && (code === UNKNOWN_POSITION || code === SLOW_CONSUMER)
    // With chance in it: dashboards that lost the same server do not come back in one moment.
    const wait = atOnce ? 0 : base * (0.75 + Math.random() / 2)
    this.#attempt += 1
    this.#set({ state: 'waiting', code, reason, retryAt: Date.now() + wait })
    this.#timer = setTimeout(() => this.open(), wait)
  }

  #set(state: LinkState): void {
    this.state = state
    this.listener.state(state)
  }
}
