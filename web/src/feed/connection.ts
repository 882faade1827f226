/** The feed’s connection, built on that of `packages/client`: both reconnect by the same rules. */

import { CLOSE, Position } from '../../../packages/client/src/resume.ts'
import { Connection as Sockets } from '../../../packages/client/src/connection.ts'

export interface LinkState {
  state: 'connecting' | 'open' | 'waiting' | 'over'
  /** Close code and reason of the last socket. */
  code: number
  reason: string
  /** Time of the next attempt, in ms since 1970. */
  retryAt: number
}

export interface Listener {
  message(json: string): void
  state(state: LinkState): void
  /** The server no longer has the position: the stream is new, or the position is too old. The events in between are lost. */
  lost(code: number): void
  opened(fresh: boolean): void
}

/** An open page retries without limit, with jitter, so that dashboards do not reconnect all at once. Times in ms. */
const POLICY = {
  autoReconnect: true,
  maxReconnectAttempts: Infinity,
  reconnectDelay: 1000,
  maxReconnectDelay: 16_000,
  jitter: true,
  connectTimeout: 10_000,
}

/** URL of the feed, from the start of the backlog or after the last event seen. The server never waits for an observer. */
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

  /** Records the last event seen. Error events do not reset the retry delay: a server that only sends errors is not healthy. */
  seen(stream: string, seq: number, isError = false): void {
    if (!isError) this.#sockets.healthy()
    if (stream !== '' && seq > 0) this.#position.advance(stream, seq)
  }

  open(): void {
    this.#sockets.open()
  }

  /** Reconnects at once instead of waiting. */
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
