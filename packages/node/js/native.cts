// The addon, and the types of what it exports.

import { load } from './load.cjs'

/** What happened on a socket: `src/event.rs` says which field has what. */
export interface Details {
  text: string
  place?: string
  code?: number
  json?: string
  byServer?: boolean
}

/** Events in threes: the kind, the id of the socket, and what happened. */
export type Events = (number | string | Details | Buffer | undefined)[]

export interface NativeApp {
  listen(port?: number): Promise<number>
  readonly handlerTimeoutMs: number
  run(turn: () => void): void
  turn(): Events | null
  close(): Promise<void>
  subscribe(query: string): NativeFeed
  replay(order: string, value?: string): Promise<string>
  connect(user: string): Promise<string>
  disconnect(user: string): Promise<string>
  inject(request: string): Promise<string>
  status(): string
  replayState(): string
  handle(path: string, clientId: string | undefined, protocols: string[], wanted: string[]): void
  answer(event: number, verdict: number, message?: string): void
  defer(event: number): void
  giveUp(event: number): void
  send(socket: string, message: string | Buffer): void
  sendEach(sockets: string[], message: string | Buffer): number
  broadcast(message: string | Buffer, room?: string): number
  say(socket: string, room: string, message: string): number
  dismiss(socket: string, code: number, reason: string): void
  joinRoom(socket: string, room: string): void
  leaveRoom(socket: string, room: string): void
  roomOf(socket: string): string | null
  setMetadata(socket: string, key: string, value: string): void
  getMetadata(socket: string, key: string): string | null
  createRoom(room: string): string
  room(room: string): string | null
  rooms(): string
  connections(room?: string): string[]
  stats(): string
  unanswered(): number
}

export interface NativeFeed {
  next(): Promise<string[] | null>
  close(): void
}

export interface NativeRecording {
  pass(): Promise<NativePass>
}

export interface NativePass {
  next(): Promise<string[]>
  loss(): Promise<string | null>
}

export interface NativeMock {
  readonly url: string
  received(): string
  expect(what: string, min: number, max?: number): void
  verify(): string | null
  reset(): void
  close(): void
}

interface Addon {
  NativeApp: new (options: string) => NativeApp
  startMock(kind: string, scenario: string): Promise<NativeMock>
  openRecording(name: string): Promise<NativeRecording>
  decode(frame: Buffer): string[]
}

export const native = load() as Addon
