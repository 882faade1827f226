// The rooms of a client: what it asked for, what the server answered, and what it asks for again.

import type { Emitter } from './emitter.js'
import { ClientError } from './error.js'
import type { Message } from './message.js'
import { pending, type Pending } from './pending.js'
import { HISTORY_MESSAGES, Room, type RoomLink } from './room.js'
import type { ClientEvents, RoomMessage } from './types.js'

/** The room of a feed begins like this: joining it turns the feed on, leaving it off. */
export const FEED_ROOM = 'user:'

interface Means {
  send(message: unknown): void
  timeoutMs(): number
  isInteractive(): boolean
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

  join(roomId: string, isConnecting: boolean, isOpen: boolean): Promise<Room> {
    if (!this.#means.isInteractive()) {
      return Promise.reject(new ClientError('not_found', 'this address is for reading alone', { roomId, hint: 'rooms are on /ws' }))
    }
    if (!isConnecting) return Promise.reject(new ClientError('not_connected', 'not connected', { roomId, hint: 'connect first' }))
    const room = this.#rooms.get(roomId) ?? new Room(roomId, this.#client, this.#means.historyMax ?? HISTORY_MESSAGES)
    if (room.isJoinedToRoom()) return Promise.resolve(room)
    const asked = this.#joins.get(roomId)
    if (asked) return asked.promise
    this.#rooms.set(roomId, room)
    const join = this.#pend(this.#joins, roomId, () => this.#rooms.delete(roomId))
    // Else it is asked for when the connection is there.
    if (isOpen) this.#means.send({ type: 'join_room', room_id: roomId })
    return join
  }

  leave(roomId: string, isOpen: boolean): Promise<void> {
    const room = this.#rooms.get(roomId)
    if (!isOpen) return Promise.resolve(room && this.#gone(room))
    // Whoever reads a feed is in its room without having asked.
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
        // One that was left before the answer came is no longer ours.
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

  /** All rooms, on a connection that is new. */
  rejoin(): void {
    for (const roomId of this.#rooms.keys()) this.#means.send({ type: 'join_room', room_id: roomId })
  }

  /** The connection is gone; they are wanted still. */
  lost(): void {
    for (const room of this.#rooms.values()) room.exited('connection_lost')
    for (const [roomId, leave] of this.#leaves) {
      this.#rooms.delete(roomId)
      leave.resolve()
    }
  }

  /** It was the last connection. */
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
    this.#joins.get(room.id)?.reject(new ClientError('not_in_room', `room ${room.id} was left`, { roomId: room.id }))
    this.#leaves.get(room.id)?.resolve()
    this.#client.emit('roomLeft', room.id, reason)
  }

  #refused(roomId: string, { code, message, hint }: Message): void {
    const error = new ClientError(String(code), String(message), { roomId, hint })
    this.#rooms.delete(roomId)
    this.#joins.get(roomId)?.reject(error)
    this.#client.emit('roomJoinError', error)
  }

  /** An answer that is waited for, for so long. */
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
