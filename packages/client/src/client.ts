// The client: handles messages, keeps the position in the feed, and manages rooms.

import { Connection } from './connection.js'
import { Emitter } from './emitter.js'
import { ClientError, hintOf, pageHint, refusalOf } from './error.js'
import type { LivetapeEvent } from './events.js'
import { isEvent, parse, type Message } from './message.js'
import { handled, pending, type Pending } from './pending.js'
import { CLOSE, meaningOf, Position } from './resume.js'
import { FEED_ROOM, Rooms } from './rooms.js'
import type { Room } from './room.js'
import { EventStream, type EventsOptions } from './stream.js'
import type { Callbacks, ClientEvents, ConnectionStatus, CreateOptions, Stats, WebSocketClientOptions, WebSocketConstructor, WebSocketEvent } from './types.js'

const DEFAULTS = {
  autoReconnect: true,
  maxReconnectAttempts: 5,
  reconnectDelay: 1000,
  maxReconnectDelay: 16_000,
  jitter: false,
  pingInterval: 30_000,
  pongTimeout: 10_000,
  connectTimeout: 10_000,
}
const ALIASES = { connect: 'connected', disconnect: 'disconnected', joinRoom: 'roomJoined', leaveRoom: 'roomLeft', joinRoomError: 'roomJoinError' }
/** Characters allowed in a subprotocol (RFC 9110, 5.6.2). A token with other characters goes into the query. */
const PROTOCOL = /^[\w!#$%&'*+.^`|~-]+$/
declare const process: any

/** A client of livetape. Call `connect()` after adding listeners. */
export class WebSocketClient extends Emitter<ClientEvents> {
  readonly #url: URL
  readonly #clientId: string
  readonly #options: WebSocketClientOptions & typeof DEFAULTS
  readonly #connection: Connection
  readonly #position: Position
  readonly #rooms: Rooms
  readonly #streams = new Set<EventStream<any>>()
  readonly #stats: Stats = { events: 0, malformed: 0, repeated: 0, lost: 0, connections: 0 }
  #status: ConnectionStatus = 'disconnected'
  #feed: boolean
  #connecting: Pending<void> | undefined
  #ping: ReturnType<typeof setInterval> | undefined
  #pong: ReturnType<typeof setTimeout> | undefined
  #pingedAt = 0
  #hasWarned = false

  constructor(url: string, clientId?: string, options: WebSocketClientOptions = {}) {
    super(ALIASES)
    this.#url = socketUrl(url)
    this.#clientId = clientId ?? options.clientId ?? madeUp()
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    this.#options = { ...DEFAULTS, ...given }
    this.#feed = options.feed ?? true
    this.#position = new Position(options.since, Boolean(options.types) || this.#url.searchParams.has('types'))
    this.#rooms = new Rooms(
      { send: (message) => this.#say(message), timeoutMs: () => this.#options.pongTimeout, historyMax: options.maxHistorySize, isInteractive: () => this.#isInteractive || void this.#warnReadOnly() },
      this,
    )
    this.#connection = new Connection(
      { webSocket: (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket, ...this.#options },
      {
        address: () => this.#address(),
        opened: () => this.#opened(),
        text: (text) => this.#heard(text),
        binary: (bytes) => this.emit('binary', bytes),
        refusal: () => refusalOf(this.#url, this.#options.token, this.#options.connectTimeout),
        closed: (...how) => this.#closed(...how),
        waits: (attempt, delayMs) => this.emit('reconnecting', { attempt, delayMs }),
        over: (code, error) => this.#over(code, error),
      },
    )
    options.signal?.addEventListener('abort', () => this.disconnect(), { once: true })
  }

  /** Connects. Resolves when the first connection is open, after any number of attempts; rejects when the client gives up. */
  connect(): Promise<void> {
    if (this.#options.signal?.aborted) return handled(Promise.reject(this.#options.signal.reason))
    if (this.#status === 'connected') return Promise.resolve()
    if (this.#connecting) return this.#connecting.promise
    const { promise } = (this.#connecting = pending())
    if (this.#status === 'disconnected') {
      this.#status = 'connecting'
      this.#connection.healthy()
      if (!this.#connection.webSocket) return this.#importWebSocket(promise)
      this.#connection.open()
    }
    return handled(promise)
  }

  /** Closes the connection. A later `connect()` resumes where the feed stopped. */
  disconnect(): void {
    if (this.#status === 'disconnected') return
    if (this.#connecting) void handled(this.#connecting.promise)
    this.#end(undefined, new ClientError('closed', 'disconnected by the client'))
    this.emit('disconnected', { code: CLOSE.NORMAL, reason: '', meaning: 'disconnected by the client', final: true })
  }

  getClientId(): string {
    return this.#clientId
  }

  getStatus(): ConnectionStatus {
    return this.#status
  }

  getStats(): Stats {
    return { ...this.#stats }
  }

  /** Position of the last event, as `STREAM:SEQ`. Pass it as `since` to resume. */
  get position(): string | undefined {
    return this.#position.last
  }

  /** Joins a room. Resolves when the server confirms and rejects when it refuses. The client rejoins after a reconnect. */
  joinRoom(roomId: string): Promise<Room> {
    if (roomId.startsWith(FEED_ROOM)) this.#feed = true
    return handled(this.#rooms.join(roomId, this.#status !== 'disconnected', this.#connection.isOpen))
  }

  leaveRoom(roomId: string): Promise<void> {
    if (roomId.startsWith(FEED_ROOM)) this.#feed = false
    return handled(this.#rooms.leave(roomId, this.#connection.isOpen))
  }

  getRoom(roomId: string): Room | undefined {
    return this.#rooms.get(roomId)
  }

  getAllRooms(): Room[] {
    return this.#rooms.all()
  }

  /** Sends a message to a room, or to everyone in this client's rooms, or, outside any room, to all clients. Bytes are sent unchanged. */
  send(message: unknown, roomId?: string): Promise<void> {
    if (message instanceof ArrayBuffer || ArrayBuffer.isView(message)) return this.#try(() => this.#connection.send(message))
    if (roomId !== undefined) return this.sendToRoom(roomId, message)
    if (this.#isReadOnly) this.#warnReadOnly()
    return this.#try(() => this.#say(message))
  }

  sendToRoom(roomId: string, message: unknown): Promise<void> {
    if (!this.#isInteractive) this.#warnReadOnly()
    return this.#try(() => {
      if (!this.#rooms.mayBeIn(roomId, this.#connection.isOpen)) {
        throw new ClientError('not_in_room', `not in room ${roomId}`, { roomId, hint: 'call joinRoom first' })
      }
      this.#say({ type: 'room_message', room_id: roomId, message })
    })
  }

  /** Sets metadata that others can filter clients by; `null` deletes the key. */
  setMetadata(key: string, value: unknown): Promise<void> {
    return this.#try(() => this.#say({ type: 'set_metadata', key, value }))
  }

  /** Returns an async iterator over the events from now on. It continues after a reconnect. It ends when the client disconnects or the server closes with 1000, and throws if the client gives up. */
  events<Type extends LivetapeEvent['type'] = LivetapeEvent['type']>(options: EventsOptions<Type> = {}): EventStream<Extract<LivetapeEvent, { type: Type }>> {
    const dropped = (count: number) => {
      this.#stats.lost += count
      this.emit('loss', { reason: 'buffer_full', count })
    }
    const ended = (stream: EventStream<any>) => void this.#streams.delete(stream)
    const stream = new EventStream<Extract<LivetapeEvent, { type: Type }>>(options, dropped, ended)
    if (!options.signal?.aborted) this.#streams.add(stream)
    return stream
  }

  /** Only `/ws` has rooms, pings and client IDs; the feed and token URLs are read-only. */
  get #isInteractive(): boolean {
    return /\/ws\/?$/.test(this.#url.pathname)
  }

  /** Whether messages reach anybody: not at the feed, nor at the URL of a token. Other paths belong to programs that handle them. */
  get #isReadOnly(): boolean {
    return /^\/(ws\/(?!echo$).+)?$/.test(this.#url.pathname)
  }

  /** The URL without what may be a token. */
  get #place(): string {
    return `${this.#url.protocol}//${this.#url.host}${this.#url.pathname.replace(/^\/ws\/.+/, '/ws/***')}`
  }

  /** Says once that nobody gets a message: most callers of `send` and `joinRoom` ignore the promise. */
  #warnReadOnly(): void {
    const what = this.#isReadOnly ? 'is read-only' : 'has no rooms here'
    this.#warn(`${this.#place} ${what}: connect to ${this.#url.protocol}//${this.#url.host}/ws for rooms and messages`)
  }

  #warn(text: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    console.warn(`livetape: ${text}`)
  }

  #address(): { url: string; protocols: string[] } {
    const { types, gifts, raw, token } = this.#options
    const url = new URL(this.#url)
    const set = (key: string, value: string | undefined) => value !== undefined && url.searchParams.set(key, value)
    set('types', types?.join(','))
    // TikTok repeats the total of a streak with each message, so raw messages would count gifts twice.
    set('gifts', gifts ?? (url.searchParams.has('gifts') ? undefined : 'delta'))
    set('raw', raw ? '1' : undefined)
    if (this.#isInteractive) {
      set('client_id', this.#clientId)
      set('feed', this.#feed ? undefined : '0')
    }
    const since = this.#position.since
    set('since', since)
    set('on_gap', since?.includes(':') ? 'skip' : undefined)
    if (token && !PROTOCOL.test(token)) set('token', token)
    return { url: url.href, protocols: token && PROTOCOL.test(token) ? ['livetape', `bearer.${token}`] : [] }
  }

  #opened(): void {
    const reconnected = this.#stats.connections > 0
    const since = this.#position.since
    this.#stats.connections += 1
    this.#status = 'connected'
    if (reconnected && this.#position.isUnknown) this.emit('loss', { reason: 'no_position' })
    this.#position.joined()
    if (this.#isInteractive) this.#startPings()
    this.#rooms.rejoin()
    this.emit('connected', { reconnected, ...(since && { since }) })
    this.#connecting?.resolve()
    this.#connecting = undefined
  }

  #heard(text: string): void {
    const message = parse(text)
    if (!message) {
      this.#stats.malformed += 1
      this.emit('malformed', String(text))
      return
    }
    if (isEvent(message)) return this.#event(message)
    if (message.type !== 'error') this.#connection.healthy(message.type === 'welcome')
    this.#said(message)
  }

  #event(event: LivetapeEvent & Message): void {
    if (event.type !== 'error') this.#connection.healthy()
    const { stream, seq } = event
    const before = this.#position.stream
    if (!this.#position.advance(stream, seq)) {
      this.#stats.repeated += 1
      return
    }
    this.#stats.events += 1
    if (before && before !== stream) this.emit('streamChanged', { from: before, to: stream })
    if (this.#position.isNextPass(event)) this.emit('startOver', { stream })
    for (const loop of this.#streams) loop.push(event)
    this.emit('event', event)
    // Each event type also has its own event name.
    ;(this.emit as (name: string, event: unknown) => void).call(this, `event:${event.type}`, event)
    this.emit('message', event as unknown as WebSocketEvent)
    if (event.type === 'error') this.emit('error', failure(event.data))
  }

  #said(message: Message): void {
    switch (message.type) {
      case 'gap':
        return this.#gap(message)
      case 'pong':
        return this.#ponged()
      case 'welcome':
        return void this.emit('welcome', message)
      case 'system':
        return void this.emit('system', message)
      case 'client_connected':
        return void this.emit('clientConnected', message)
      case 'client_disconnected':
        return void this.emit('clientDisconnected', message)
      case 'error':
        // A refused client, and one of a node without a cluster, gets the data of an event that belongs to no stream.
        return void this.emit('error', failure(message.data ?? message))
      case 'room_joined':
      case 'room_join_error':
      case 'room_left':
      case 'room_message':
        this.#rooms.heard(message)
        if (message.type !== 'room_message') return
    }
    const { room_id: roomId, from_client_id: fromClientId, message: data } = message
    this.emit('message', { data, ...message, ...(roomId !== undefined && { roomId }), ...(fromClientId !== undefined && { fromClientId }) })
  }

  #gap({ from, to }: Message): void {
    const count = Number(to) - Number(from) + 1 || 0
    this.#stats.lost += count
    this.emit('loss', { reason: 'gap', from, to, count, after: this.#position.last ?? '' })
  }

  #closed(code: number, reason: string, final: boolean, refusal?: ClientError): void {
    const wasConnected = this.#status === 'connected'
    this.#stopPings()
    this.#rooms.lost()
    this.#status = final ? 'disconnected' : 'reconnecting'
    if (wasConnected) this.emit('disconnected', { code, reason, meaning: meaningOf(code), final })
    else this.emit('error', refusal ?? this.#failed(code, reason))
    const after = code === CLOSE.UNKNOWN_POSITION && this.#position.forget()
    if (after) this.emit('loss', { reason: 'stream_changed', after })
  }

  #failed(closeCode: number, reason: string): ClientError {
    const hint = pageHint(this.#url)
    return new ClientError('connection_failed', `cannot connect to ${this.#url.host}${reason && `: ${reason}`}`, { closeCode, ...(hint && { hint }) })
  }

  #over(code: number, error: ClientError): void {
    if (error.code === 'gave_up') this.emit('maxReconnectAttemptsReached')
    else if (error.code === 'bad_address') this.emit('error', error)
    else if (error.code === 'not_found' && !this.#isReadOnly) this.#warn(`${this.#place} does not exist: ${hintOf(404, this.#url)}`)
    this.#end(code === CLOSE.NORMAL ? undefined : error)
  }

  /** Ends the client and settles everything that is pending. */
  #end(error: ClientError | undefined, why = error ?? new ClientError('closed', meaningOf(CLOSE.NORMAL))): void {
    this.#status = 'disconnected'
    this.#stopPings()
    this.#connection.close()
    this.#rooms.closed(why)
    this.#connecting?.reject(this.#options.signal?.aborted ? this.#options.signal.reason : why)
    this.#connecting = undefined
    for (const loop of [...this.#streams]) loop.end(error)
  }

  /** Node 20 has no WebSocket, but the package `ws` has one. If it is missing, the promise stays unhandled, so that the broken setup is noticed. */
  #importWebSocket(promise: Promise<void>): Promise<void> {
    const connecting = this.#connecting
    // The cast keeps `ws` and its types out of the build.
    const imported: Promise<{ WebSocket: WebSocketConstructor }> = import('ws' as string).catch((error) => {
      // Jest and some bundles reject `import()`; there, `ws` is required from the working directory.
      try {
        return process.getBuiltinModule('module').createRequire(process.cwd() + '/')('ws')
      } catch {
        throw error
      }
    })
    imported.then(
      ({ WebSocket }) => {
        void handled(promise)
        this.#connection.webSocket = WebSocket
        if (connecting === this.#connecting) this.#connection.open()
      },
      (cause) => this.#over(CLOSE.LOST, new ClientError('no_websocket', 'Node 20 has no WebSocket', { hint: 'run `npm install ws` or set `webSocket`', cause })),
    )
    return promise
  }

  /** Runs an action. A failure is also an `error` event, so callers may ignore the promise. */
  #try(act: () => void): Promise<void> {
    const promise = new Promise<void>((resolve) => resolve(act()))
    promise.catch((error) => this.emit('error', error))
    return promise
  }

  #say(message: unknown): void {
    this.#connection.send(JSON.stringify(message) ?? 'null')
  }

  #startPings(): void {
    const { pingInterval, pongTimeout } = this.#options
    if (!(pingInterval > 0) || !Number.isFinite(pingInterval)) return
    this.#ping = setInterval(() => {
      // The last ping is still unanswered.
      if (this.#pong !== undefined || !this.#connection.isOpen) return
      this.#pingedAt = Date.now()
      this.#say({ type: 'ping', timestamp: this.#pingedAt })
      this.#pong = setTimeout(() => this.#connection.lose('no answer to a ping'), pongTimeout)
    }, pingInterval)
  }

  #ponged(): void {
    this.#pong = void clearTimeout(this.#pong)
    this.emit('pong', Date.now() - this.#pingedAt)
  }

  #stopPings(): void {
    clearInterval(this.#ping)
    this.#pong = void clearTimeout(this.#pong)
  }
}

/** Creates a client and adds the listeners among the options. */
export function createWebSocketClient({ url, ...options }: CreateOptions): WebSocketClient {
  const client = new WebSocketClient(url, options.clientId, options)
  for (const [key, callback] of Object.entries(options as Callbacks)) {
    if (!/^on[A-Z]/.test(key) || typeof callback !== 'function') continue
    client.on((key.charAt(2).toLowerCase() + key.slice(3)) as keyof ClientEvents, callback as never)
  }
  return client
}

/** Parses a URL. Also accepts `http://…` and, in pages, relative URLs. */
function socketUrl(url: string): URL {
  const page = (globalThis as { location?: { href: string } }).location?.href
  try {
    const parsed = new URL(url, page?.startsWith('http') ? page : undefined)
    parsed.protocol = parsed.protocol.replace('http', 'ws')
    if (!/^wss?:$/.test(parsed.protocol)) throw new TypeError()
    return parsed
  } catch {
    throw new ClientError('bad_address', `${JSON.stringify(url)} is not a WebSocket URL`, { hint: 'use a URL such as ws://127.0.0.1:3000/' })
  }
}

const madeUp = (): string => `client_${Date.now()}_${Math.random().toString(36).slice(2)}`

const failure = ({ code, message, ...details }: Record<string, any>): ClientError => new ClientError(String(code), String(message), details)

/** A server that refuses an open socket sends an error immediately. In ms. */
const SILENCE_MS = 1000

/** Tries to connect, and returns what stops it as far as this page can learn it; `undefined` if nothing does. */
export async function explain(url: string | URL, token?: string): Promise<ClientError | undefined> {
  const asked = new URL(url)
  // Other addresses have no observers.
  if (/^\/(ws)?$/.test(asked.pathname)) asked.searchParams.set('observer', '1')
  const client = new WebSocketClient(asked.href, undefined, { token, autoReconnect: false })
  let told: ClientError | undefined
  client.on('error', (error) => (told = error))
  const over = new Promise<unknown>((resolve) => client.on('welcome', resolve).on('disconnected', resolve))
  // The server refuses some sockets after it opened them, because browsers hide the response to a refused upgrade.
  const silence = () => Promise.race([over, new Promise((resolve) => setTimeout(resolve, SILENCE_MS))])
  await client.connect().then(silence, (error) => (told ??= error))
  const isOpen = client.getStatus() === 'connected'
  client.disconnect()
  return isOpen ? undefined : told
}
