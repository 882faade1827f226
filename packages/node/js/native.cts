// The addon, and the types of what it exports. If it cannot be loaded, the error explains why.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LivetapeError } from './errors.cjs'

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

/** Platforms with an addon. */
const PLATFORMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'win32-arm64', 'win32-x64']

const { version } = require('../package.json') as { version: string }

/** Loads the addon of a checkout, or that of this platform's package. */
function load(): unknown {
  const platform = `${process.platform}-${process.arch}`
  const [name, file] = [`@livetape/node-${platform}`, `livetape.${platform}.node`]
  const built = join(__dirname, file)
  try {
    if (existsSync(built)) return require(built)
    const { version: other } = require(`${name}/package.json`) as { version: string }
    if (other !== version) throw new LivetapeError('not_supported', `${name} is version ${other}, but @livetape/node is ${version}`, 'install both in the same version')
    return require(`${name}/${file}`)
  } catch (cause) {
    if (cause instanceof LivetapeError) throw cause
    const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown }
    throw new LivetapeError('not_supported', `cannot load the addon for ${platform}: ${String(message)}`, advice(platform, name, code), { cause })
  }
}

function advice(platform: string, name: string, code: unknown): string {
  const build = 'build it from a checkout: npm run build'
  if (!PLATFORMS.includes(platform)) return `use one of ${PLATFORMS.join(', ')}, or ${build}`
  if (process.platform === 'linux' && isMusl()) return `use a system with glibc, such as the image node:slim instead of node:alpine, or ${build}`
  const hasPermissions = 'permission' in process
  if (code === 'ERR_DLOPEN_DISABLED') return hasPermissions ? 'run Node with --allow-addons' : 'run Node without --no-addons'
  if (code === 'ERR_ACCESS_DENIED') return 'run Node with --allow-addons, and with --allow-fs-read for the folder of the package'
  if (code === 'MODULE_NOT_FOUND') return `install ${name}@${version} together with this package, and exclude both from bundles, or ${build}`
  return `allow addons to be loaded, reinstall ${name}@${version}, or ${build}`
}

/** Whether the C library is not glibc, for which the addon is built. */
function isMusl(): boolean {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime === undefined
}

export const native = load() as Addon
