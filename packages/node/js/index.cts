// The public API.

export { App, createApp, App as RNodeApp } from './app.cjs'
export type { AppOptions, BroadcastFilter, Room, RoomOptions, Stats } from './app.cjs'
export { HandlerError, LivetapeError, SocketClosedError } from './errors.cjs'
export type { LivetapeEvent } from './events.cjs'
export { decode, EventStream, readRecording, Recording, Replay } from './feed.cjs'
export type { EventsOptions, ReplayState, Speed } from './feed.cjs'
export { MockTikTok } from './mock.cjs'
export type { MockLogEntry, MockScenario, Times } from './mock.cjs'
export { Socket } from './socket.cjs'
export type { Handlers, Headers, Message } from './socket.cjs'
export type { Result, Verdict } from './verdict.cjs'
