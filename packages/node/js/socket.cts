// Sockets, and the handlers of their events.

import { types } from 'node:util'
import { bad, call, checkWhole, json, LivetapeError, settle, show, SocketClosedError, text } from './errors.cjs'
import type { NativeApp } from './native.cjs'
import type { Result } from './verdict.cjs'

/** The handlers of a path. */
export interface Handlers {
  /** A client connected. Nothing of it is read before the result. It is refused if this fails or takes too long. */
  onConnect?(socket: Socket): Result
  /** A text message, or a message to a room, which is delivered after the result, and dropped if this fails or takes too long. */
  onMessage?(socket: Socket, message: string, roomId?: string): Result
  onBinaryMessage?(socket: Socket, bytes: Buffer): unknown
  /** Called once for each socket, also if the connection was refused. `roomId` and `getMetadata` still tell the state before the close. */
  onClose?(socket: Socket, code: number, reason: string): unknown
  /** A handler failed or returned something invalid, or the server closed the socket with 1002, 1007, 1009 or 4101. */
  onError?(socket: Socket, error: LivetapeError): unknown
  /** A client is about to join a room, which may not exist yet. It does not join if this fails or takes too long. */
  onJoinRoom?(socket: Socket, roomId: string): Result
  /** A client is about to leave a room. Not called when the client disconnects. */
  onLeaveRoom?(socket: Socket, roomId: string): unknown
  onPing?(socket: Socket): unknown
  onPong?(socket: Socket): unknown
  /** Client ID of a client that chooses none, unless another client has it. */
  clientId?: string | undefined
  /** Subprotocols to select from; by default, the first that the client offers. */
  protocols?: string[] | undefined
}

/** Headers of a request, with names in lower case. Several values are joined with commas, cookies with semicolons. */
export type Headers = Readonly<Record<string, string | undefined>>

/** What opened a socket. */
interface Request {
  url: string
  headers: [name: string, value: string][]
  address: string | null
  protocol: string | null
}

/** A WebSocket on a handled path. */
export class Socket {
  readonly id: string
  readonly clientId: string
  readonly path: string
  readonly #app: NativeApp
  readonly #soon: () => void
  readonly #log: (error: LivetapeError) => void
  /** JSON, which is parsed when it is needed. Private, so that printing a socket does not show credentials. */
  readonly #request: string
  #isOpen = true
  /** The state when it closed. */
  #last: Last | undefined

  /** @internal */
  constructor(app: NativeApp, soon: () => void, log: (error: LivetapeError) => void, id: string, clientId: string, path: string, request: string) {
    this.#app = app
    this.#soon = soon
    this.#log = log
    this.id = id
    this.clientId = clientId
    this.path = path
    this.#request = request
  }

  /** Path and query of the request. */
  get url(): string {
    return this.#read().url
  }

  /** Headers of the request. */
  get headers(): Headers {
    const headers: Record<string, string> = Object.create(null)
    for (const [name, value] of this.#read().headers) {
      headers[name] = name in headers ? `${headers[name]}${name === 'cookie' ? '; ' : ', '}${value}` : value
    }
    return headers
  }

  /** IP address of the client, or of the proxy in front of the server. */
  get remoteAddress(): string | undefined {
    return this.#read().address ?? undefined
  }

  /** The selected subprotocol; empty if there is none. */
  get protocol(): string {
    return this.#read().protocol ?? ''
  }

  #read(): Request {
    return JSON.parse(this.#request) as Request
  }

  /** Whether messages can still be sent: `false` once it is closed, or `close` was called. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The room that it joined last and is still in, or was in when it closed. */
  get roomId(): string | undefined {
    return (this.#last ? this.#last.roomId : call(() => this.#app.roomOf(this.id))) ?? undefined
  }

  /** Queues a message, unchanged: text or binary. Resolves once it is queued, not when the client has it. */
  send(message: Message): Promise<void> {
    return this.#settle(() => {
      const bytes = payload(message)
      this.#ask(() => this.#app.send(this.id, bytes))
      this.#soon()
    })
  }

  /** Closes the socket after everything sent so far. */
  close(code = 1000, reason = ''): Promise<void> {
    return this.#settle(() => {
      if (typeof reason !== 'string') throw bad(`the reason is not a string: ${show(reason)}`)
      checkWhole('the close code', code, 1000, 4999)
      this.#ask(() => this.#app.dismiss(this.id, code, reason))
      this.#isOpen = false
    })
  }

  /** Joins a room, which is created if missing. Returns whether it succeeded; `false` if the room is full. */
  joinRoom(roomId: string): Promise<boolean> {
    return this.#settle(() => this.#try(() => this.#app.joinRoom(this.id, text('room', roomId)), 'room_full'))
  }

  /** Leaves a room, by default the one joined last. Returns whether it was in the room. */
  leaveRoom(roomId: string | undefined = this.roomId): Promise<boolean> {
    return this.#settle(() => {
      if (!this.#isOpen) throw new SocketClosedError(this.id)
      if (roomId === undefined) return false
      return this.#try(() => this.#app.leaveRoom(this.id, text('room', roomId)), 'not_in_room', 'unknown_room')
    })
  }

  /** Sends a message to a room, by default the one joined last, as `room_message` from this client. */
  sendToRoom(message: unknown, roomId: string | undefined = this.roomId): Promise<void> {
    return this.#settle(() => {
      if (ArrayBuffer.isView(message) || types.isAnyArrayBuffer(message)) throw bad('a room message is JSON, not bytes', 'send bytes with `app.broadcast(bytes, roomId)`')
      const said = json('message', message)
      if (roomId === undefined) throw new LivetapeError('not_in_room', `the socket ${this.id} is in no room`, 'call joinRoom first')
      this.#ask(() => void this.#app.say(this.id, text('room', roomId), said))
      this.#soon()
    })
  }

  /** Sets an entry of the connection's metadata, which `GET /connections` shows. Clients cannot change it. */
  setMetadata(key: string, value: string): void {
    this.#ask(() => this.#app.setMetadata(this.id, text('key', key), text('value', value)))
  }

  /** Returns an entry of the metadata, also after the close; other types than text as JSON. */
  getMetadata(key: string): string | undefined {
    text('key', key)
    if (this.#last) return shown(this.#last.metadata.get(key))
    const entry = this.#call(() => this.#app.getMetadata(this.id, key))
    return entry === null ? undefined : shown(JSON.parse(entry))
  }

  /** @internal */
  closed(last: Last): void {
    this.#isOpen = false
    this.#last = last
  }

  #settle<T>(f: () => T): Promise<T> {
    return settle(f, this.#log)
  }

  #ask<T>(f: () => T): T {
    if (!this.#isOpen) throw new SocketClosedError(this.id)
    return this.#call(f)
  }

  #call<T>(f: () => T): T {
    try {
      return call(f)
    } catch (error) {
      // It closed, and `onClose` comes next.
      if (error instanceof LivetapeError && error.code === 'not_found') throw new SocketClosedError(this.id)
      throw error
    }
  }

  #try(f: () => void, ...failures: string[]): boolean {
    try {
      this.#ask(f)
      return true
    } catch (error) {
      if (error instanceof LivetapeError && failures.includes(error.code)) return false
      throw error
    }
  }
}

/** Text, or bytes. */
export type Message = string | ArrayBuffer | ArrayBufferView

/** Checks a message to send. */
export function payload(message: unknown): string | Buffer {
  if (typeof message === 'string') return message
  if (ArrayBuffer.isView(message)) return Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  if (types.isAnyArrayBuffer(message)) return Buffer.from(message)
  throw bad(`a message is a string or a Buffer, not ${message === null ? 'null' : typeof message}`, 'use JSON.stringify for objects')
}

/** The state of a socket when it closed. */
export interface Last {
  roomId?: string | undefined
  metadata: Map<string, unknown>
}

/** Returns a value of the metadata as text. */
function shown(value: unknown): string | undefined {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
