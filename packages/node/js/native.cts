// The addon, and the types of what it exports.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LivetapeError } from './errors.cjs'

export interface SocketEvent {
  kind: number
  ticket?: number
  socket: string
  text?: string
  place?: string
  bytes?: Buffer
  code?: number
  metadata?: string
}

export interface NativeApp {
  listen(port?: number): Promise<number>
  nextEvents(): Promise<SocketEvent[] | null>
  close(): Promise<void>
  subscribe(query: string): NativeFeed
  replay(order: string, value?: string): Promise<string>
  connect(user: string): Promise<string>
  disconnect(user: string): Promise<string>
  inject(request: string): Promise<string>
  status(): string
  replayState(): string
  handle(path: string, clientId: string | undefined, wanted: string[]): void
  answer(ticket: number, verdict: number, message?: string): void
  proceed(tickets: number[]): void
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

const platform = `${process.platform}-${process.arch}`

/** Loads the addon of a checkout, or that of this platform's package. */
function load(): Addon {
  const [name, file] = [`@livetape/node-${platform}`, `livetape.${platform}.node`]
  const built = join(__dirname, file)
  try {
    return require(existsSync(built) ? built : `${name}/${file}`) as Addon
  } catch (cause) {
    const hint = `install ${name} together with this package, in the same version, or build it from a checkout: npm run build`
    throw new LivetapeError('not_supported', `cannot load the addon for ${platform}`, hint, { cause })
  }
}

export const native: Addon = load()
