// A room, with the history of its messages.

import { Emitter } from './emitter.js'
import { handled } from './pending.js'

export const HISTORY_MESSAGES = 100

/** A message in the history of a room. */
export interface RoomMessage {
  type: 'room_message'
  room_id: string
  message: unknown
  from_client_id: string
  from: string
  timestamp: string
}

export type RoomEvents = {
  joined: []
  left: [reason?: string]
  message: [message: any, fromClientId: string, timestamp: string]
}

/** The part of a client that its rooms use. */
export interface RoomLink {
  joinRoom(roomId: string): Promise<Room>
  leaveRoom(roomId: string): Promise<void>
  sendToRoom(roomId: string, message: unknown): Promise<void>
}

export class Room extends Emitter<RoomEvents> {
  readonly #link: RoomLink
  #history: RoomMessage[] = []
  #historyMax: number
  #isJoined = false

  constructor(
    readonly id: string,
    link: RoomLink,
    historyMax: number = HISTORY_MESSAGES,
  ) {
    super()
    this.#link = link
    this.#historyMax = historyMax
  }

  getId(): string {
    return this.id
  }

  isJoinedToRoom(): boolean {
    return this.#isJoined
  }

  join(): Promise<void> {
    return handled(this.#link.joinRoom(this.id).then(() => undefined))
  }

  leave(): Promise<void> {
    return this.#link.leaveRoom(this.id)
  }

  /** Sends a message to everyone in the room, including this client, which adds it to its history on receipt. */
  send(message: unknown): Promise<void> {
    return this.#link.sendToRoom(this.id, message)
  }

  /** Returns past messages, oldest first. */
  getMessageHistory(): RoomMessage[] {
    return [...this.#history]
  }

  clearMessageHistory(): void {
    this.#history = []
  }

  setMaxHistorySize(size: number): void {
    this.#historyMax = Math.max(0, Math.floor(size) || 0)
    this.#trim()
  }

  /** @internal */
  heard(message: RoomMessage): void {
    this.#history.push(message)
    this.#trim()
    this.emit('message', message.message, message.from_client_id, message.timestamp)
  }

  /** @internal */
  entered(): void {
    if (this.#isJoined) return
    this.#isJoined = true
    this.emit('joined')
  }

  /** @internal */
  exited(reason?: string): void {
    if (!this.#isJoined) return
    this.#isJoined = false
    this.emit('left', reason)
  }

  #trim(): void {
    if (this.#history.length > this.#historyMax) this.#history.splice(0, this.#history.length - this.#historyMax)
  }
}
