// The rooms of a client: joins, leaves, and rejoins after a reconnect.

import type { Emitter } from './emitter.js'
import { ClientError } from './error.js'
import type { Message } from './message.js'
import { pending, type Pending } from './pending.js'
import { HISTORY_MESSAGES, Room, type RoomLink, type RoomMessage } from './room.js'
import type { ClientEvents } from './types.js'

/** Prefix of the rooms of feeds. Joining such a room turns the feed on, leaving it turns the feed off. */
export const FEED_ROOM = 'user:'

interface Means {
  send(message: unknown): void
  timeoutMs(): number
  isInteractive(): boolean | void
  historyMax: number | undefined
}

export class Rooms {
  readonly #means: Means
  readonly #client: Emitter<ClientEvents> & RoomLink
  readonly #rooms = new Map<string, Room>()
  readonly #joins = new Map<string, Pending<Room>>()
  readonly #leaves = new Map<string, Pending<void>>()

  constructor(means: Means, client: Emitter<ClientEvents> & RoomLink) {
    this.#means = means
    this.#client = client
  }

  get(roomId: string): Room | undefined {
    return this.#rooms.get(roomId)
  }

  all(): Room[] {
    return [...this.#rooms.values()]
  }

  /** Whether the client is in a room, or will be when its next message arrives: the server handles requests in order. */
  mayBeIn(roomId: string, isOpen: boolean): boolean {
    return this.#rooms.get(roomId)?.isJoinedToRoom() || (isOpen && this.#joins.has(roomId))
  }

  join(roomId: string, isConnecting: boolean, isOpen: boolean): Promise<Room> {
    if (!this.#means.isInteractive()) {
      return Promise.reject(new ClientError('not_found', 'this URL is read-only', { roomId, hint: 'connect to /ws to use rooms' }))
    }
    if (!isConnecting) return Promise.reject(new ClientError('not_connected', 'not connected', { roomId, hint: 'call connect first' }))
    const room = this.#rooms.get(roomId) ?? new Room(roomId, this.#client, this.#means.historyMax ?? HISTORY_MESSAGES)
    if (room.isJoinedToRoom()) return Promise.resolve(room)
    const asked = this.#joins.get(roomId)
    if (asked) return asked.promise
    this.#rooms.set(roomId, room)
    const join = this.#pend(this.#joins, roomId, () => this.#rooms.delete(roomId))
    // Otherwise `rejoin` sends the request once the connection is open.
    if (isOpen) this.#means.send({ type: 'join_room', room_id: roomId })
    return join
  }

  leave(roomId: string, isOpen: boolean): Promise<void> {
    const room = this.#rooms.get(roomId)
    if (!isOpen) return Promise.resolve(room && this.#gone(room))
    // Reading a feed implies being in its room.
    if (!room && !roomId.startsWith(FEED_ROOM)) return Promise.resolve()
    const asked = this.#leaves.get(roomId)
    if (asked) return asked.promise
    this.#means.send({ type: 'leave_room', room_id: roomId })
    return this.#pend(this.#leaves, roomId, () => undefined)
  }

  heard(message: Message): void {
    const roomId = String(message.room_id)
    const room = this.#rooms.get(roomId)
    switch (message.type) {
      case 'room_joined':
        // The room may have been left before the answer arrived.
        return room && this.#came(room)
      case 'room_join_error':
        return this.#refused(roomId, message)
      case 'room_left':
        if (room) this.#gone(room, message.reason)
        return this.#leaves.get(roomId)?.resolve()
      case 'room_message':
        room?.heard(message as unknown as RoomMessage)
        this.#client.emit('roomMessage', roomId, message.message, String(message.from_client_id))
    }
  }

  /** Joins all rooms on a new connection. */
  rejoin(): void {
    for (const roomId of this.#rooms.keys()) this.#means.send({ type: 'join_room', room_id: roomId })
  }

  /** Marks all rooms as left until the next connection. */
  lost(): void {
    for (const room of this.#rooms.values()) room.exited('connection_lost')
    for (const [roomId, leave] of this.#leaves) {
      this.#rooms.delete(roomId)
      leave.resolve()
    }
  }

  /** Leaves all rooms for good. */
  closed(error: ClientError): void {
    for (const room of this.#rooms.values()) room.exited('closed')
    for (const [roomId, join] of this.#joins) {
      this.#rooms.delete(roomId)
      join.reject(error)
    }
    for (const leave of this.#leaves.values()) leave.resolve()
  }

  #came(room: Room): void {
    const isNews = !room.isJoinedToRoom()
    room.entered()
    this.#joins.get(room.id)?.resolve(room)
    if (isNews) this.#client.emit('roomJoined', room.id, room)
  }

  #gone(room: Room, reason?: string): void {
    this.#rooms.delete(room.id)
    room.exited(reason)
    this.#joins.get(room.id)?.reject(new ClientError('not_in_room', `left room ${room.id}`, { roomId: room.id }))
    this.#leaves.get(room.id)?.resolve()
    this.#client.emit('roomLeft', room.id, reason)
  }

  #refused(roomId: string, { code, message, hint }: Message): void {
    const error = new ClientError(String(code), String(message), { roomId, hint })
    this.#rooms.delete(roomId)
    this.#joins.get(roomId)?.reject(error)
    this.#client.emit('roomJoinError', error)
  }

  /** Waits for an answer, up to the timeout. */
  #pend<T>(waiting: Map<string, Pending<T>>, roomId: string, late: () => void): Promise<T> {
    const ms = this.#means.timeoutMs()
    const { promise, resolve, reject } = pending<T>()
    const done = <V>(then: (value: V) => void) => (value: V) => {
      clearTimeout(timer)
      waiting.delete(roomId)
      then(value)
    }
    const answer = { promise, resolve: done(resolve), reject: done(reject) }
    const timer = setTimeout(() => {
      late()
      answer.reject(new ClientError('timeout', `no answer about room ${roomId} within ${ms} ms`, { roomId }))
    }, ms)
    waiting.set(roomId, answer)
    return promise
  }
}
