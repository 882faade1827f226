// The public API for `import`. Both module systems share one implementation, so that `instanceof` works across them.

export {
  App, createApp, decode, EventStream, HandlerError, LivetapeError, MockTikTok, readRecording, Recording, Replay, RNodeApp, Socket, SocketClosedError,
} from './index.cjs'
export type {
  AppOptions, BroadcastFilter, EventsOptions, Handlers, LivetapeEvent, MockLogEntry, MockScenario, ReplayState, Result, Room, RoomOptions,
  Speed, Stats, Times, Verdict,
} from './index.cjs'
