// Counts and keeps the events of a tape while they are broadcast.

import { get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'

import { clearTimeout, setTimeout } from './clock.js'

/** An event of the feed. `@livetape/client` has a type for each. */
export interface FeedEvent {
  type: string
  seq: number
  stream: string
  data: Record<string, unknown>
  [key: string]: unknown
}

/** Maximum number of events that are kept. Earlier ones are only counted. */
const EVENTS_MAX = 1_000

/** An observer of the feed, which livetape neither counts as a client nor waits for. */
export class Feed {
  readonly byType: Record<string, number> = {}
  readonly events: FeedEvent[] = []
  /** Number of events that this process read too slowly to receive. */
  missed = 0
  /** Whether the recording has ended. */
  hasEnded = false
  #position = 'since=0'
  #seq = 0
  #isOver = false
  #wake = new Set<() => void>()
  readonly #url: string

  private constructor(http: string) {
    this.#url = `${http}/events?observer=1&gifts=delta&raw=1&`
  }

  /** Starts to read; the subscription exists once this resolves, unless `later` returns when to try again after an error. */
  static async open(http: string, later?: (error: NodeJS.ErrnoException) => Promise<unknown> | undefined): Promise<Feed> {
    const feed = new Feed(http)
    await feed.#read().catch((error: NodeJS.ErrnoException) => {
      const listens = later?.(error)
      if (!listens) throw error
      listens.then(() => feed.#read()).catch(() => feed.#end())
    })
    return feed
  }

  #read(): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = get(this.#url + this.#position, { agent: false }, (response) => {
        // A test that never stops its tape still ends.
        response.socket.unref()
        void this.#follow(response)
        resolve()
      })
      request.on('error', reject)
    })
  }

  async #follow(response: IncomingMessage): Promise<void> {
    let fellBehind = false
    try {
      for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
        fellBehind = this.#take(JSON.parse(line) as FeedEvent)
        this.#changed()
      }
      if (fellBehind) return await this.#read()
    } catch {
      // The server is gone.
    }
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    this.#changed()
  }

  /** Counts an event. Returns whether it is the last line for a reader that fell behind. */
  #take(event: FeedEvent): boolean {
    if (event.type === 'error' && event.data.code === 'slow_consumer') return true
    if (event.type === 'gap') {
      this.missed += (event.to as number) - (event.from as number) + 1
      return false
    }
    this.#seq = event.seq
    this.#position = `since=${event.stream}:${event.seq}`
    // Unreadable messages have a position like all others. Clients only receive them on request.
    if (event.type === 'unknown') return false
    this.events.push(event)
    if (this.events.length > 2 * EVENTS_MAX) this.events.splice(0, EVENTS_MAX)
    this.byType[event.type] = (this.byType[event.type] ?? 0) + 1
    // A seek or play after the end starts again.
    if (event.type === 'disconnected') this.hasEnded = true
    if (event.type === 'connection_created') this.hasEnded = false
    return false
  }

  #changed(): void {
    for (const wake of this.#wake) wake()
    this.#wake.clear()
  }

  /** Waits until `isDone`, for at most `ms` without an event. Returns whether it is done, or the feed over. */
  async until(isDone: (feed: Feed) => boolean, ms: number): Promise<boolean> {
    while (!isDone(this) && !this.#isOver) {
      let wake = () => {}
      const changed = new Promise<boolean>((resolve) => this.#wake.add((wake = () => resolve(true))))
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, ms, false)))
      const inTime = await Promise.race([changed, late]).finally(() => clearTimeout(timer))
      this.#wake.delete(wake)
      if (!inTime) return false
    }
    return true
  }

  /** Waits until all events up to this number are counted. */
  reached(seq: number, ms: number): Promise<boolean> {
    return this.until((feed) => feed.#seq >= seq, ms)
  }
}
