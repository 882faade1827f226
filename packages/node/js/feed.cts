// Events: the feed in process, with the controls of a replay, and frames and recordings, without a server.

import { bad, call, checkKeys, checkSignal, isStrings, json, LivetapeError, request, text } from './errors.cjs'
import type { LivetapeEvent } from './events.cjs'
import { native, type NativeApp, type NativeFeed, type NativePass, type NativeRecording } from './native.cjs'

export interface EventsOptions<Type extends LivetapeEvent['type'] = LivetapeEvent['type']> {
  /** Event types; all by default. */
  types?: Type[] | undefined
  /** `raw` (the default) for every message of a streak, `delta` with increments, `final` for streaks that ended. */
  gifts?: 'raw' | 'delta' | 'final' | undefined
  /** `0` for the whole backlog, or `STREAM:SEQ` to resume after this event. */
  since?: 0 | string | undefined
  /** Ends the loop. */
  signal?: AbortSignal | undefined
}

const NAMES = ['types', 'gifts', 'since', 'signal']

/** A loop over the events of the feed. It subscribes at once, so that no later event is missed. */
export class EventStream<Event extends LivetapeEvent = LivetapeEvent> implements AsyncIterableIterator<Event> {
  readonly #feed: NativeFeed
  readonly #signal: AbortSignal | undefined
  /** Resolves when the app listens, or this ends. Unlike a call of the addon, it keeps no process running. */
  readonly #started: Promise<void>
  #end = (): void => {}
  #events: string[] = []
  #next = 0
  /** The latest call of `next`: parallel calls take turns. */
  #turn: Promise<unknown> = Promise.resolve()

  /** @internal */
  constructor(feed: NativeFeed, started: Promise<void>, signal?: AbortSignal) {
    this.#feed = feed
    this.#signal = signal
    this.#started = Promise.race([started, new Promise<void>((resolve) => (this.#end = resolve))])
    if (signal?.aborted) this.#abort()
    else signal?.addEventListener('abort', this.#abort, { once: true })
  }

  next(): Promise<IteratorResult<Event, undefined>> {
    const next = this.#turn.then(() => this.#take())
    this.#turn = next.catch(() => {})
    return next
  }

  async #take(): Promise<IteratorResult<Event, undefined>> {
    while (this.#next >= this.#events.length) {
      await this.#started
      const events = await request(() => this.#feed.next())
      if (!events) return this.return()
      this.#events = events
      this.#next = 0
    }
    return { done: false, value: JSON.parse(this.#events[this.#next++]!) as Event }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#feed.close()
    this.#end()
    this.#events = []
    this.#next = 0
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  readonly #abort = (): void => void this.return()
}

/** Subscribes to the feed. */
export function subscribe<Type extends LivetapeEvent['type']>(
  app: NativeApp,
  started: Promise<void>,
  options: EventsOptions<Type>,
): EventStream<Extract<LivetapeEvent, { type: Type }>> {
  checkKeys('options of events', options, NAMES)
  const { types, gifts, since, signal } = options
  if (types !== undefined && !(isStrings(types) && types.length > 0)) {
    throw bad('`types` is not an array with event types', "pass an array: ['gift']")
  }
  if (since !== undefined && since !== 0) text('position in `since`', since)
  if (gifts !== undefined) text('kind of `gifts`', gifts)
  checkSignal(signal)
  const query = new URLSearchParams()
  if (types) query.set('types', types.join(','))
  if (gifts) query.set('gifts', gifts)
  if (since !== undefined) query.set('since', String(since))
  return new EventStream(call(() => app.subscribe(query.toString())), started, signal)
}

/** A multiple of the original speed, from 0.1 to 1000, or `max`. */
export type Speed = number | 'max'

/** State of the replay, as in `GET /replay`. */
export interface ReplayState {
  recording: string
  state: 'waiting' | 'playing' | 'paused' | 'ended'
  offsetMs: number
  durationMs: number | null
  speed: Speed
  lap: number
  laps: number | null
  fromMs: number
  toMs: number | null
  generation: number
}

/** Controls the replay. Each call returns the resulting state. */
export class Replay {
  readonly #app: NativeApp
  readonly #check: () => void

  /** @internal */
  constructor(app: NativeApp, check: () => void) {
    this.#app = app
    this.#check = check
  }

  /** The state; `null` if nothing is replayed. */
  get state(): ReplayState | null {
    return JSON.parse(call(() => this.#app.replayState())) as ReplayState | null
  }

  /** Plays another recording: a name in the folder of recordings, or `demo`. */
  async load(recording: string): Promise<ReplayState> {
    return this.#order('load', text('recording', recording))
  }

  play(): Promise<ReplayState> {
    return this.#order('play')
  }

  pause(): Promise<ReplayState> {
    return this.#order('pause')
  }

  /** Seeks to an offset: seconds, or text such as `1m30s`. */
  async seek(offset: number | string): Promise<ReplayState> {
    if (typeof offset === 'number' && !(offset >= 0 && offset < Infinity)) throw bad(`the offset ${offset} is not a number of seconds`)
    return this.#order('seek', offset)
  }

  speed(speed: Speed): Promise<ReplayState> {
    return this.#order('speed', speed)
  }

  /** Pauses, then plays the next frames that contain events. A negative number goes back. */
  step(frames = 1): Promise<ReplayState> {
    return this.#order('step', frames)
  }

  async #order(order: string, value?: unknown): Promise<ReplayState> {
    this.#check()
    const argument = value === undefined ? undefined : json('argument', value)
    return JSON.parse(await request(() => this.#app.replay(order, argument))) as ReplayState
  }
}

/** Decodes a binary message of TikTok's WebSocket. A damaged frame yields what could be read. */
export function decode(frame: ArrayBufferView): LivetapeEvent[] {
  if (!ArrayBuffer.isView(frame)) throw bad('the frame is not a Buffer')
  return native.decode(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)).map((json) => JSON.parse(json) as LivetapeEvent)
}

/**
 * The events of a recording, read while they are iterated. Each loop starts at the first event. After the last one that can be read, a loop
 * over a truncated or damaged recording throws `incomplete_recording`.
 */
export class Recording implements AsyncIterable<LivetapeEvent> {
  readonly #recording: NativeRecording
  /** The loop that started last. */
  #pass: NativePass | undefined

  /** @internal */
  constructor(recording: NativeRecording) {
    this.#recording = recording
  }

  /** Describes what the loop that started last has found missing so far; `null` if nothing is missing. */
  async loss(): Promise<string | null> {
    return (await this.#pass?.loss()) ?? null
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LivetapeEvent, void, undefined> {
    const pass = await request(() => this.#recording.pass())
    this.#pass = pass
    for (let events; (events = await request(() => pass.next())).length > 0; ) {
      for (const json of events) yield JSON.parse(json) as LivetapeEvent
    }
    const loss = await request(() => pass.loss())
    if (loss !== null) throw new LivetapeError('incomplete_recording', `the recording is incomplete: ${loss}`, 'catch this error to go on with the events before it, which are all that can be read')
  }
}

/** Opens a recording: a path, a name in the folder `recordings`, or `demo`. */
export async function readRecording(path: string): Promise<Recording> {
  return new Recording(await request(() => native.openRecording(text('recording', path))))
}
