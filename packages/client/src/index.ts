// The livetape client: receives the feed of a live or recorded TikTok LIVE, and sends messages in rooms.

export { createWebSocketClient, explain, WebSocketClient, WebSocketClient as RNodeWebSocketClient } from './client.js'
export { ClientError, type Details } from './error.js'
export { isFinal, meaningOf } from './resume.js'
export { Room, type RoomEvents, type RoomMessage } from './room.js'
export { EventStream, type EventsOptions } from './stream.js'
export type * from './events.js'
export type * from './types.js'
