// Options, events and statistics of a client.

import type { ClientError } from './error.js'
import type { LivetapeEvent } from './events.js'
import type { Room } from './room.js'

/** The parts of a WebSocket that the client uses. Browsers, Node 22 and the package `ws` have them. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  onopen: ((event: any) => void) | null
  onmessage: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  send(data: any): void
  close(code?: number, reason?: string): void
}

export type WebSocketConstructor = new (url: any, protocols?: any) => WebSocketLike

/** A message as passed to `onMessage`: an event of the feed, or a message of another client. */
export interface WebSocketEvent {
  /** Type of the event, or `room_message`, `broadcast`, `echo`, … */
  type: string
  /** The event's `data`, or the message. */
  data: any
  /** The room of the message. */
  roomId?: string
  /** The sender. */
  fromClientId?: string
  [key: string]: unknown
}

export interface Connected {
  /** Whether there was a connection before. */
  reconnected: boolean
  /** The position where the feed resumed, as `STREAM:SEQ`. */
  since?: string
}

export interface Disconnected {
  code: number
  reason: string
  /** Meaning of the code, for people. */
  meaning: string
  /** Whether the client gave up. */
  final: boolean
}

export interface Reconnecting {
  /** Number of this attempt; 1 for the first after a working connection. */
  attempt: number
  delayMs: number
}

/** Events that are, or may be, lost. */
export interface Loss {
  /**
   * `stream_changed`: the server no longer has the stream, for example after a restart; an unknown number of events after `after` is lost. The client starts over.
   * `gap`: the backlog no longer contains events `from` to `to`.
   * `no_position`: with `types`, the connection broke before the first event, so the client could not resume.
   * `buffer_full`: a loop over `events()` was too slow; the `count` oldest events were dropped.
   */
  reason: 'stream_changed' | 'gap' | 'no_position' | 'buffer_full'
  after?: string
  from?: number
  to?: number
  count?: number
}

export interface StreamChanged {
  from: string
  to: string
}

/** A replay starts over: a lap, a seek, another recording, or a restarted server. */
export interface StartOver {
  stream: string
}

/** Counters since the client was created. */
export interface Stats {
  /** Delivered events. */
  events: number
  /** Malformed messages. */
  malformed: number
  /** Repeated events, which were dropped. */
  repeated: number
  /** Events reported as lost, because of a gap or a full buffer. */
  lost: number
  /** Opened connections. */
  connections: number
}

export type ConnectionStatus = 'disconnected' | 'connecting' | 'connected' | 'reconnecting'

/** Names of events, and the arguments of their listeners. */
export type ClientEvents = {
  connected: [info: Connected]
  disconnected: [info: Disconnected]
  reconnecting: [info: Reconnecting]
  maxReconnectAttemptsReached: []
  error: [error: ClientError]
  /** Every event of the feed, including types that this version does not know. */
  event: [event: LivetapeEvent]
  /** Events of the feed, and messages of other clients. */
  message: [message: WebSocketEvent]
  roomJoined: [roomId: string, room: Room]
  roomJoinError: [error: ClientError]
  roomLeft: [roomId: string, reason?: string]
  roomMessage: [roomId: string, message: any, fromClientId: string]
  binary: [bytes: ArrayBuffer]
  welcome: [message: Record<string, any>]
  system: [message: Record<string, any>]
  clientConnected: [message: Record<string, any>]
  clientDisconnected: [message: Record<string, any>]
  pong: [latencyMs: number]
  loss: [loss: Loss]
  streamChanged: [change: StreamChanged]
  /** A replay starts over with the next event, so totals start over too. */
  startOver: [info: StartOver]
  /** The text of a message that is not a JSON object with a `type`. */
  malformed: [text: string]
  /** Aliases of `connected`, `disconnected`, `roomJoined`, `roomLeft` and `roomJoinError`. */
  connect: [info: Connected]
  disconnect: [info: Disconnected]
  joinRoom: [roomId: string, room: Room]
  leaveRoom: [roomId: string, reason?: string]
  joinRoomError: [error: ClientError]
} & { [Type in LivetapeEvent['type'] as `event:${Type}`]: [event: Extract<LivetapeEvent, { type: Type }>] }

export interface WebSocketClientOptions {
  /** Client ID on `/ws`: 1 to 64 letters, digits and `_ . : @ -`. Random by default. */
  clientId?: string
  /** Reconnects after a break and resumes the feed; true by default. */
  autoReconnect?: boolean
  /** Maximum number of attempts in a row; 5 by default. Use `Infinity` for pages that run unattended. */
  maxReconnectAttempts?: number
  /** Delay before the first attempt, in ms; 1000 by default. Doubles with each attempt. */
  reconnectDelay?: number
  /** Maximum delay, in ms; 16000 by default. */
  maxReconnectDelay?: number
  /** Picks a random delay between 0 and the computed one (full jitter), for servers with many clients. */
  jitter?: boolean
  /** Interval between pings on `/ws`, in ms; 30000 by default, 0 for none. */
  pingInterval?: number
  /** Timeout for answers to pings, joins and leaves, in ms; 10000 by default. */
  pongTimeout?: number
  /** Timeout for opening a connection, in ms; 10000 by default. */
  connectTimeout?: number
  /** The server's bearer token. */
  token?: string
  /** Event types to receive; all by default. */
  types?: readonly LivetapeEvent['type'][]
  /** Gift events to receive: increments and finals (`delta`, the default), only finals (`final`), or every message of TikTok (`raw`). */
  gifts?: 'raw' | 'delta' | 'final'
  /** Also receives events of type `unknown`. */
  raw?: boolean
  /** On `/ws`: `false` for rooms only, without the feed. */
  feed?: boolean
  /** Where to start: `0` for the whole backlog, or a saved `position`. */
  since?: string | 0
  /** Maximum number of messages in a room's history; 100 by default. */
  maxHistorySize?: number
  /** WebSocket class; defaults to the global `WebSocket` or, on Node 20, to that of the package `ws`. */
  webSocket?: WebSocketConstructor
  /** Disconnects when aborted. */
  signal?: AbortSignal
}

/** Listeners, as for `on`: `onConnect`, `onEvent`, `onLoss` and so on. */
export type Callbacks = { [Name in keyof ClientEvents as `on${Capitalize<Name>}`]?: (...args: ClientEvents[Name]) => void }

export interface CreateOptions extends WebSocketClientOptions, Callbacks {
  /** URL of the server: `ws://127.0.0.1:3000/` for the feed, `…/ws` for the feed and rooms, `…/ws/TOKEN` for the room of a user who has a token in `livetape.toml`. */
  url: string
}
