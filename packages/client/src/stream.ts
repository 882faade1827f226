// `for await (const event of client.events())`: a bounded buffer between the socket and the loop.

import { ClientError } from './error.js'
import type { LivetapeEvent } from './events.js'
import { handled } from './pending.js'

/** Default size of the buffer, in events. */
const BUFFER_EVENTS = 10_000

export interface EventsOptions<Type extends LivetapeEvent['type'] = LivetapeEvent['type']> {
  /** Event types to return; all by default. */
  types?: readonly Type[]
  /** Maximum number of buffered events; 10,000 by default. */
  bufferSize?: number
  /** When the buffer is full: drop the oldest events and report a loss (the default), or throw `buffer_full`. */
  overflow?: 'drop-oldest' | 'throw'
  /** Ends the loop with the signal's reason. */
  signal?: AbortSignal
}

export class EventStream<Event extends LivetapeEvent = LivetapeEvent> implements AsyncIterableIterator<Event> {
  readonly #types: ReadonlySet<string> | undefined
  readonly #max: number
  readonly #throws: boolean
  readonly #dropped: (count: number) => void
  readonly #ended: (stream: EventStream<any>) => void
  readonly #signal: AbortSignal | undefined
  #buffer: Event[] = []
  #head = 0
  #waiting: Array<{ resolve: (result: IteratorResult<Event>) => void; reject: (error: unknown) => void }> = []
  #end: { error?: unknown } | undefined

  constructor(options: EventsOptions, dropped: (count: number) => void, ended: (stream: EventStream<any>) => void) {
    this.#types = options.types && new Set(options.types)
    this.#max = Math.max(1, options.bufferSize ?? BUFFER_EVENTS)
    this.#throws = options.overflow === 'throw'
    this.#dropped = dropped
    this.#ended = ended
    this.#signal = options.signal
    if (this.#signal?.aborted) this.#abort()
    else this.#signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /** @internal */
  push(event: Event): void {
    if (this.#end || (this.#types && !this.#types.has(event.type))) return
    const waiting = this.#waiting.shift()
    if (waiting) return waiting.resolve({ value: event, done: false })
    this.#buffer.push(event)
    if (this.#buffer.length - this.#head <= this.#max) return
    if (this.#throws) return this.end(new ClientError('buffer_full', `the loop fell more than ${this.#max} events behind`, { hint: 'do less work in the loop, or increase bufferSize' }))
    this.#take()
    this.#dropped(1)
  }

  /** Ends the stream after the buffered events. @internal */
  end(error?: unknown): void {
    if (this.#end) return
    this.#end = error === undefined ? {} : { error }
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#ended(this)
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve({ value: undefined, done: true })
      else reject(this.#takeError())
    }
  }

  next(): Promise<IteratorResult<Event>> {
    return handled(this.#next())
  }

  async #next(): Promise<IteratorResult<Event>> {
    if (this.#buffer.length > this.#head) return { value: this.#take(), done: false }
    if (!this.#end) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    if ('error' in this.#end) throw this.#takeError()
    return { value: undefined, done: true }
  }

  async return(): Promise<IteratorResult<Event>> {
    this.#buffer = []
    this.#head = 0
    this.end()
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Returns the error once; afterwards the stream has simply ended. */
  #takeError(): unknown {
    const error = this.#end?.error
    this.#end = {}
    return error
  }

  /** Removes the oldest event. Compacts the buffer only now and then. */
  #take(): Event {
    const event = this.#buffer[this.#head] as Event
    this.#buffer[this.#head] = undefined as never
    this.#head += 1
    if (this.#head > 1024 && this.#head * 2 > this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#head)
      this.#head = 0
    }
    return event
  }

  #abort = (): void => {
    this.#buffer = []
    this.#head = 0
    this.end(this.#signal?.reason)
  }
}
