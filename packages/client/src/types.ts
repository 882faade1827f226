// What a client takes and tells.

import type { ClientError } from './error.js'
import type { LivetapeEvent } from './events.js'
import type { Room } from './room.js'

/** What of a WebSocket is used: the browser's, Node's (22 and later) and that of `ws` all have it. */
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

/** A message as `onMessage` gets it: an event of the feed, or what another client said. */
export interface WebSocketEvent {
  /** The type of the event; `room_message`, `broadcast`, `echo`, … */
  type: string
  /** The event's `data`, or what was said. */
  data: any
  /** The room that it was said in. */
  roomId?: string
  /** Who said it. */
  fromClientId?: string
  [key: string]: unknown
}

/** A message in a room, as its history keeps it. */
export interface RoomMessage {
  type: 'room_message'
  room_id: string
  message: unknown
  from_client_id: string
  from: string
  timestamp: string
}

export interface Connected {
  /** Whether there was a connection before. */
  reconnected: boolean
  /** Where it went on: `STREAM:SEQ`, or nothing. */
  since?: string
}

export interface Disconnected {
  code: number
  reason: string
  /** What the code means, for people. */
  meaning: string
  /** Whether it is over. */
  final: boolean
}

export interface Reconnecting {
  /** 1 for the first after a connection that worked. */
  attempt: number
  delayMs: number
}

/** Events that were not, or may not have been, delivered. */
export interface Loss {
  /**
   * `stream_changed`: the server was restarted, or is another: what came after `after` is unknown here.
   * `gap`: the backlog no longer holds `from` to `to`.
   * `no_position`: the connection broke before the first event; the feed was joined anew.
   * `buffer_full`: a loop over `events()` was too slow; `count` events were dropped, the oldest first.
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

/** What was counted since the client was made. */
export interface Stats {
  /** Events of the feed that were passed on. */
  events: number
  /** Messages that are no JSON, or no message. */
  malformed: number
  /** Events that came again, and were dropped. */
  repeated: number
  /** Events that were reported lost: by a gap, or a full buffer. */
  lost: number
  /** Connections that were made. */
  connections: number
}

export type ConnectionStatus = 'disconnected' | 'connecting' | 'connected' | 'reconnecting'

/** What `on` can be called with, and what listeners get. */
export type ClientEvents = {
  connected: [info: Connected]
  disconnected: [info: Disconnected]
  reconnecting: [info: Reconnecting]
  maxReconnectAttemptsReached: []
  error: [error: ClientError]
  /** Every event of the feed, types that this version does not know too. */
  event: [event: LivetapeEvent]
  /** Events of the feed, and what other clients say. */
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
  malformed: [text: string]
  /** Other names of the first two, and of the rooms'. */
  connect: [info: Connected]
  disconnect: [info: Disconnected]
  joinRoom: [roomId: string, room: Room]
  leaveRoom: [roomId: string, reason?: string]
} & { [Type in LivetapeEvent['type'] as `event:${Type}`]: [event: Extract<LivetapeEvent, { type: Type }>] }

export interface WebSocketClientOptions {
  /** Who you are on `/ws`: 1 to 64 letters, digits and `_ . : @ -`. Made up if left out. */
  clientId?: string
  /** Comes back where the connection broke. True unless told otherwise. */
  autoReconnect?: boolean
  /** Attempts in a row; 5 unless told otherwise. `Infinity` for pages that nobody watches. */
  maxReconnectAttempts?: number
  /** The first wait in ms, 1000 unless told otherwise; doubled with each attempt. */
  reconnectDelay?: number
  /** The longest wait in ms, 16000 unless told otherwise. */
  maxReconnectDelay?: number
  /** Waits anything between 0 and what it would (full jitter): for many clients of one server. */
  jitter?: boolean
  /** How often `/ws` is pinged, in ms; 30000 unless told otherwise, 0 for never. */
  pingInterval?: number
  /** How long an answer may take, in ms: to pings, joins and leaves. 10000 unless told otherwise. */
  pongTimeout?: number
  /** How long a connection may take to open, in ms; 10000 unless told otherwise. */
  connectTimeout?: number
  /** The server's bearer token. */
  token?: string
  /** Only events of these types. */
  types?: readonly LivetapeEvent['type'][]
  /** Which gift events: those that add something and finals (`delta`, the default), finals alone, or every message as TikTok sent it (`raw`). */
  gifts?: 'raw' | 'delta' | 'final'
  /** Events of type `unknown` too. */
  raw?: boolean
  /** On `/ws`: `false` for rooms without the feed. */
  feed?: boolean
  /** Where to begin: `0` for all of the backlog, or a `position` that was kept. */
  since?: string | 0
  /** How many messages a room remembers; 100 unless told otherwise. */
  maxHistorySize?: number
  /** The class to connect with; defaults to the global `WebSocket` and, on Node 20, to that of the package `ws`. */
  webSocket?: WebSocketConstructor
  /** Disconnects when aborted. */
  signal?: AbortSignal
}

/** The same as calling `on`. */
export interface Callbacks {
  onConnect?: (info: Connected) => void
  onDisconnect?: (info: Disconnected) => void
  onReconnecting?: (info: Reconnecting) => void
  onMaxReconnectAttemptsReached?: () => void
  onError?: (error: ClientError) => void
  onEvent?: (event: LivetapeEvent) => void
  onMessage?: (message: WebSocketEvent) => void
  onJoinRoom?: (roomId: string, room: Room) => void
  onJoinRoomError?: (error: ClientError) => void
  onLeaveRoom?: (roomId: string, reason?: string) => void
  onRoomMessage?: (roomId: string, message: any, fromClientId: string) => void
  onBinary?: (bytes: ArrayBuffer) => void
  onSystem?: (message: Record<string, any>) => void
  onLoss?: (loss: Loss) => void
  onStreamChanged?: (change: StreamChanged) => void
}

export interface CreateOptions extends WebSocketClientOptions, Callbacks {
  /** `ws://127.0.0.1:3000/` for the feed, `…/ws` for rooms as well, `…/ws/TOKEN` for a token's room. */
  url: string
}
