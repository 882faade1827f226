// The feed in process, and the controls of a replay.

import { call, request } from './errors.cjs'
import type { LivetapeEvent } from './events.cjs'
import type { NativeApp, NativeFeed } from './native.cjs'

export interface EventsOptions<Type extends LivetapeEvent['type'] = LivetapeEvent['type']> {
  /** Event types; all by default. */
  types?: Type[]
  /** `raw` (the default) for every message of a streak, `delta` with increments, `final` for streaks that ended. */
  gifts?: 'raw' | 'delta' | 'final'
  /** `0` for the whole backlog, or `STREAM:SEQ` to resume after this event. */
  since?: 0 | string
  /** Ends the loop. */
  signal?: AbortSignal
}

/** A loop over the events of the feed. It subscribes at once, so that no later event is missed. */
export class EventStream<Event extends LivetapeEvent = LivetapeEvent> implements AsyncIterableIterator<Event> {
  readonly #feed: NativeFeed
  readonly #signal: AbortSignal | undefined
  #events: string[] = []
  #next = 0

  /** @internal */
  constructor(feed: NativeFeed, signal?: AbortSignal) {
    this.#feed = feed
    this.#signal = signal
    if (signal?.aborted) feed.close()
    else signal?.addEventListener('abort', this.#abort, { once: true })
  }

  async next(): Promise<IteratorResult<Event, undefined>> {
    while (this.#next >= this.#events.length) {
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
    this.#events = []
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
  { types, gifts, since, signal }: EventsOptions<Type>,
): EventStream<Extract<LivetapeEvent, { type: Type }>> {
  const query = new URLSearchParams()
  if (types) query.set('types', types.join(','))
  if (gifts) query.set('gifts', gifts)
  if (since !== undefined) query.set('since', String(since))
  return new EventStream(call(() => app.subscribe(query.toString())), signal)
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

  /** @internal */
  constructor(app: NativeApp) {
    this.#app = app
  }

  /** The state; `null` if nothing is replayed. */
  get state(): ReplayState | null {
    return JSON.parse(call(() => this.#app.replayState())) as ReplayState | null
  }

  /** Plays another recording: a name in the folder of recordings, or `demo`. */
  load(recording: string): Promise<ReplayState> {
    return this.#order('load', recording)
  }

  play(): Promise<ReplayState> {
    return this.#order('play')
  }

  pause(): Promise<ReplayState> {
    return this.#order('pause')
  }

  /** Seeks to an offset: seconds, or text such as `1m30s`. */
  seek(offset: number | string): Promise<ReplayState> {
    return this.#order('seek', offset)
  }

  speed(speed: Speed): Promise<ReplayState> {
    return this.#order('speed', speed)
  }

  /** Pauses, then plays the next frames that contain events. */
  step(frames = 1): Promise<ReplayState> {
    return this.#order('step', frames)
  }

  async #order(order: string, value?: unknown): Promise<ReplayState> {
    const json = value === undefined ? undefined : JSON.stringify(value)
    return JSON.parse(await request(() => this.#app.replay(order, json))) as ReplayState
  }
}
