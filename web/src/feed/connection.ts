/** The feed, over the connection of `packages/client`: the same rules for which closes are final and when to reconnect. */

import { CLOSE } from '../../../packages/client/src/closing.ts'
import { Connection as Sockets } from '../../../packages/client/src/connection.ts'
import { Position } from '../../../packages/client/src/position.ts'

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

/** A page waits for its server as long as it is open; with jitter, so that dashboards do not all come back at once. Times in ms. */
const POLICY = {
  autoReconnect: true,
  maxReconnectAttempts: Infinity,
  reconnectDelay: 1000,
  maxReconnectDelay: 16_000,
  jitter: true,
  connectTimeout: 10_000,
}

/** The address to ask: from the start of the backlog, or after the last event seen. An observer holds up no show and skips gaps. */
export function address(base: string, position: string | undefined): string {
  const url = new URL(base)
  url.searchParams.set('since', position ?? '0')
  url.searchParams.set('observer', '1')
  url.searchParams.set('raw', '1')
  return url.href
}

export class Connection {
  readonly #position = new Position(0, false)
  readonly #sockets: Sockets
  state: LinkState = { state: 'connecting', code: 0, reason: '', retryAt: 0 }

  constructor(
    base: string,
    protocols: string[],
    private readonly listener: Listener,
  ) {
    this.#sockets = new Sockets(
      { ...POLICY, webSocket: WebSocket },
      {
        address: () => {
          this.#set({ state: 'connecting', retryAt: 0 })
          return { url: address(base, this.#position.last), protocols }
        },
        opened: () => {
          this.#set({ state: 'open', code: 0, reason: '' })
          listener.opened(this.#position.last === undefined)
        },
        text: (json) => listener.message(json),
        binary: () => listener.message(''),
        closed: (code, reason) => {
          this.#set({ code, reason })
          if (code !== CLOSE.UNKNOWN_POSITION) return
          this.#position.forget()
          listener.lost(code)
        },
        waits: (_attempt, delayMs) => this.#set({ state: 'waiting', retryAt: Date.now() + delayMs }),
        over: (code) => this.#set({ state: 'over', code }),
      },
    )
  }

  /** What was seen last. An error alone is no sign of health: attempts that only end in one wait longer each time. */
  seen(stream: string, seq: number, isError = false): void {
    if (!isError) this.#sockets.healthy()
    if (stream !== '' && seq > 0) this.#position.advance(stream, seq)
  }

  open(): void {
    this.#sockets.open()
  }

  /** Tries at once, whatever was agreed. */
  retry(): void {
    if (this.state.state !== 'waiting' && this.state.state !== 'over') return
    this.#sockets.healthy()
    this.#sockets.open()
  }

  close(): void {
    this.#sockets.close()
  }

  #set(change: Partial<LinkState>): void {
    this.state = { ...this.state, ...change }
    this.listener.state(this.state)
  }
}
