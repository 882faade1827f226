// Sockets, and the handlers of their events.

import { bad, call, LivetapeError, SocketClosedError } from './errors.cjs'
import type { NativeApp } from './native.cjs'

/** What a handler may return to refuse, drop or change something. Anything else continues. */
export interface Verdict {
  /** `false` has the same effect as `shouldCancel: true`. */
  shouldContinue?: boolean
  /** Refuses the connection, cancels the join, or drops the room message. */
  shouldCancel?: boolean
  /** Replaces a room message: any JSON value as `message`, or as `data`. */
  modifiedEvent?: { message?: unknown; data?: unknown }
}

export type Result = void | Verdict | Promise<void | Verdict>

/** The handlers of a path. */
export interface Handlers {
  /** A client connected. Nothing of it is read before the result. */
  onConnect?(socket: Socket): Result
  /** A text message, or a message to a room, which is delivered after the result. */
  onMessage?(socket: Socket, message: string, roomId?: string): Result
  onBinaryMessage?(socket: Socket, bytes: Buffer): Result
  /** Called once for each socket, also if the connection was refused. */
  onClose?(socket: Socket, code: number, reason: string): unknown
  /** A handler failed, or the client violated the protocol. */
  onError?(socket: Socket, error: LivetapeError): unknown
  /** A client is about to join a room. */
  onJoinRoom?(socket: Socket, roomId: string): Result
  /** A client is about to leave a room. Not called when the client disconnects. */
  onLeaveRoom?(socket: Socket, roomId: string): Result
  onPing?(socket: Socket): unknown
  onPong?(socket: Socket): unknown
  /** Client ID of a client that chooses none, while no other client has it. */
  clientId?: string
}

/** A WebSocket on a handled path. */
export class Socket {
  readonly id: string
  readonly clientId: string
  readonly path: string
  readonly #app: NativeApp
  #isOpen = true

  /** @internal */
  constructor(app: NativeApp, id: string, clientId: string, path: string) {
    this.#app = app
    this.id = id
    this.clientId = clientId
    this.path = path
  }

  /** Whether messages can still be sent. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The room that it joined last and is still in. */
  get roomId(): string | undefined {
    return (this.#isOpen && call(() => this.#app.roomOf(this.id))) || undefined
  }

  /** Queues a message, unchanged: text or binary. */
  async send(message: string | Uint8Array): Promise<void> {
    const bytes = payload(message)
    this.#ask(() => this.#app.send(this.id, bytes))
  }

  /** Closes the socket after everything sent so far. */
  async close(code = 1000, reason = ''): Promise<void> {
    if (!Number.isInteger(code) || typeof reason !== 'string') throw bad(`\`close(${String(code)})\` needs a close code and a text`)
    this.#ask(() => this.#app.dismiss(this.id, code, reason))
  }

  /** Joins a room, which is created if missing. Returns whether it succeeded; `false` if the room is full. */
  async joinRoom(roomId: string): Promise<boolean> {
    return this.#try(() => this.#app.joinRoom(this.id, text('room', roomId)), 'room_full')
  }

  /** Leaves a room, by default the one joined last. Returns whether it was in the room. */
  async leaveRoom(roomId: string | undefined = this.roomId): Promise<boolean> {
    if (roomId === undefined) return false
    return this.#try(() => this.#app.leaveRoom(this.id, text('room', roomId)), 'not_in_room', 'unknown_room')
  }

  /** Sends a message to a room, by default the one joined last, as `room_message` from this client. */
  async sendToRoom(message: unknown, roomId: string | undefined = this.roomId): Promise<void> {
    const json = JSON.stringify(message)
    if (json === undefined) throw bad('the message is not JSON')
    if (roomId === undefined) throw new LivetapeError('not_in_room', `the socket ${this.id} is in no room`, 'call joinRoom first')
    this.#ask(() => this.#app.say(this.id, text('room', roomId), json))
  }

  /** Sets an entry of the connection's metadata, which `GET /connections` shows. */
  setMetadata(key: string, value: string): void {
    this.#ask(() => this.#app.setMetadata(this.id, text('key', key), text('value', value)))
  }

  /** Returns an entry of the metadata; other types than text as JSON. */
  getMetadata(key: string): string | undefined {
    const json = this.#ask(() => this.#app.getMetadata(this.id, text('key', key)))
    if (json === null) return undefined
    const value: unknown = JSON.parse(json)
    return typeof value === 'string' ? value : json
  }

  /** @internal */
  closed(): void {
    this.#isOpen = false
  }

  #ask<T>(f: () => T): T {
    if (!this.#isOpen) throw new SocketClosedError(this.id)
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

/** Checks a message to send. */
export function payload(message: unknown): string | Buffer {
  if (typeof message === 'string') return message
  if (message instanceof Uint8Array) return Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  throw bad(`a message is a string or a Buffer, not ${message === null ? 'null' : typeof message}`, 'use JSON.stringify for objects')
}

/** Checks a text argument. */
export function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw bad(`the ${name} is not a string: ${String(value)}`)
  return value
}
