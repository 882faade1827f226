/** Test TikTok LIVE bots, overlays and games: replay recordings, send events, and mock TikTok. */

export { cases, type Case } from './program.js'
export { LivetapeError } from './error.js'
export type { FeedEvent } from './feed.js'
export { matchers, type LivetapeMatchers } from './matchers.js'
export { Mock, startMock, type LogEntry, type MockOptions, type Seen, type Times } from './mock.js'
export type { Injected as Sent, TruthAt as Truth } from './rest.js'
export type { Kinds, Send, User } from './send.js'
export { PATIENCE_MS } from './server.js'
export { withTape, type Fixtures } from './stage.js'
export { Tape, startTape, type Finished, type Lost, type Offset, type TapeOptions } from './tape.js'
