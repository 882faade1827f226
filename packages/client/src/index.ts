// A client of livetape: the feed of a TikTok LIVE, recorded or live, and rooms.

export { createWebSocketClient, WebSocketClient, WebSocketClient as RNodeWebSocketClient } from './client.js'
export { isFinal, meaningOf } from './closing.js'
export { ClientError, type Details } from './error.js'
export { Room, type RoomEvents } from './room.js'
export { EventStream, type EventsOptions } from './stream.js'
export type * from './events.js'
export type * from './types.js'
