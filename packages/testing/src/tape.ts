// A recording served to clients.

import { deadline, sleep } from './clock.js'
import { direct } from './direct.js'
import { LivetapeError, asPath, checkKeys, checkMock, checkOptions, checkRecording, checkTimeout, isCount, wrong } from './error.js'
import { Feed, type FeedEvent } from './feed.js'
import { startMock, type Mock, type MockOptions } from './mock.js'
import type { Injected, TruthAt } from './rest.js'
import { senders, type Send } from './send.js'
import { PATIENCE_MS, POLL_MS, ask, post, Server } from './server.js'

/** Time for clients to answer a close, in ms. */
const DROP_MS = 2_000
/** Time after the first attempt to connect in which {@link Tape.finished} counts attempts, in a case that lets nobody in, in ms. */
const REFUSED_MS = 1_000
/** A number of clients that never connects. */
const NEVER = 4_294_967_295

/** An offset in a recording: seconds, or text such as `1m30s`. */
export type Offset = number | string

export interface TapeOptions {
  /** A path, or `demo` for the built-in recording, which is the default. */
  recording?: string
  /** 0.1 to 1000 times the original speed, or `max`: as fast as the slowest client reads. Defaults to 1. */
  speed?: number | 'max'
  /** Starts at this offset, and skips everything before it. */
  start?: Offset
  /** Ends at this offset (exclusive). */
  end?: Offset
  /** Number of times to play the recording. Defaults to 1. */
  laps?: number
  /** Shortens pauses between events to this many seconds, or text such as `500ms`. */
  idleLimit?: Offset
  /** Plays a case of `livetape test`: see `cases()`. Defaults to the one that the environment variable `LIVETAPE_CASE` names. */
  case?: string
  /** Holds the first event until this many clients are connected. Defaults to 1. A case waits for at least one. */
  waitClients?: number
  /** Holds the first event until {@link Tape.play} is called. */
  hold?: boolean
  /** Also starts a mock TikTok, which plays the same recording. Pass the path of a scenario file, or options. */
  mock?: string | MockOptions
  /** Timeout for clients and events, in ms. Defaults to {@link PATIENCE_MS}. */
  timeout?: number
}

const OPTIONS: Record<keyof TapeOptions, true> = {
  recording: true, speed: true, start: true, end: true, laps: true, idleLimit: true, case: true, waitClients: true, hold: true, mock: true, timeout: true,
}

/** Parts of a recording that are missing or unreadable. */
export interface Lost {
  /** Records that are missing. */
  records: number
  /** Unreadable bytes. */
  bytes: number
  /** Messages, or parts of them, that could not be decoded. */
  undecoded: number
  /** Whether the recording was never sealed, so that its end may be missing. */
  unsealed: boolean
}

/** Summary of a finished replay. */
export interface Finished {
  /** Number of events. */
  events: number
  /** Number of events of each type, such as `chat` or `gift`. */
  byType: Record<string, number>
  /** Total value of all gifts since the last lap or seek, as in {@link Tape.truth}. */
  diamonds: number
  /** Missing and unreadable data; `null` if the recording is complete. */
  lost: Lost | null
  /** Number of attempts to connect so far, up to 1,000, in a case that lets nobody in; 0 otherwise. */
  refused: number
}

interface Status {
  state: 'idle' | 'connecting' | 'connected' | 'retrying' | 'ended'
  clients: number
  observers: number
  behind: number
  counts: { faults: Record<string, number>; recordsMissing: number; unreadableBytes: number; unsealed: boolean }
}

interface Replay {
  case?: string
  refused?: number
  state: 'waiting' | 'playing' | 'paused' | 'ended'
}

interface Connection {
  id: string
  clientId: string
  path: string
  observer: boolean
}

/** A recording served over WebSocket and HTTP. */
export class Tape {
  /** URL of the feed: `ws://127.0.0.1:PORT/`. */
  readonly url: string
  /** Base URL of the REST API: `http://127.0.0.1:PORT`. */
  readonly http: string
  /** Sends events into the replay. They are decoded and broadcast like recorded ones. */
  readonly send: Send
  /** The mock TikTok, if the options ask for one. */
  readonly mock: Mock | undefined
  readonly #server: Server
  readonly #feed: Feed
  readonly #patience: number
  readonly #isHeld: boolean
  readonly #hasCase: boolean

  /** @internal */
  constructor(server: Server, feed: Feed, mock: Mock | undefined, patience: number, isHeld: boolean, hasCase: boolean) {
    this.#server = server
    this.#feed = feed
    this.#patience = patience
    this.#isHeld = isHeld
    this.#hasCase = hasCase
    this.mock = mock
    this.url = server.ready.ws
    this.http = server.ready.http
    this.send = senders((body) => this.#inject(body))
  }

  async #inject(body: Record<string, unknown>): Promise<Injected> {
    const sent = await post<Injected>(this.#server, '/inject', body)
    // So that the events are counted once this resolves.
    await this.#feed.reached(Math.max(0, ...sent.seqs), this.#patience)
    return sent
  }

  /** Waits until at least `clients` clients are connected to the feed. Observers (`?observer=1`) do not count. */
  async waitForClients(clients: number, options: { timeout?: number } = {}): Promise<void> {
    if (!isCount(clients)) throw wrong('`clients`', clients, 'pass a whole number')
    checkKeys(options, ['timeout'])
    const { timeout = this.#patience } = options
    checkTimeout(timeout)
    const isLate = deadline(timeout)
    for (;;) {
      const { clients: connected } = await this.#status()
      if (connected >= clients) return
      if (isLate()) {
        throw this.#server.fail('timeout', `${connected} of ${clients} clients connected within ${timeout / 1000} s; ${await this.#seen()}`)
      }
      await sleep(POLL_MS)
    }
  }

  /**
   * The environment for a client that runs as a program: the addresses, under the same names as with `livetape run`, and `NO_PROXY`, so that a proxy is not
   * asked for them.
   */
  get env(): Record<string, string> {
    const mock = this.mock?.url
    return { ...direct(), LIVETAPE_URL: this.url, LIVETAPE_HTTP: this.http, ...(mock ? { LIVETAPE_MOCK_URL: mock, SIGN_API_URL: mock } : {}) }
  }

  /** Number of clients that are connected to the feed. Observers do not count. */
  async clients(): Promise<number> {
    return (await this.#status()).clients
  }

  async #seen(): Promise<string> {
    const seen = (await this.#connections()).map(({ path, clientId, observer }) => `${path} (${observer ? 'observer' : clientId})`)
    return `connected now: ${seen.join(', ') || 'nobody'}`
  }

  /**
   * Closes the WebSocket of every client, after what was sent before, with this code, waits until they are gone, and returns their number. With `{ abort: true }`, cuts the
   * connections without a close frame, as a failing network does: clients report 1006. Clients may reconnect at once.
   */
  async drop(how: number | { abort: true } = 1011): Promise<number> {
    const order = typeof how === 'number' ? { code: closeCode(how), reason: 'dropped by the test' } : abort(how)
    const { connections } = await post<{ connections: Connection[] }>(this.#server, '/connections/close', order)
    const dropped = new Set(connections.map(({ id }) => id))
    const isLate = deadline(DROP_MS)
    while (!isLate() && (await this.#connections()).some(({ id }) => dropped.has(id))) await sleep(POLL_MS)
    return dropped.size
  }

  async #connections(): Promise<Connection[]> {
    return (await ask<{ connections: Connection[] }>(this.#server, '/connections')).connections
  }

  /** Starts or resumes the replay. */
  async play(): Promise<void> {
    await this.#restart('play')
  }

  /** Pauses the replay before the next event. */
  async pause(): Promise<void> {
    await post(this.#server, '/replay/pause')
  }

  /** Seeks to an offset in the recording. Events after a seek have new ids. */
  async seek(offset: Offset): Promise<void> {
    await this.#restart('seek', { offset })
  }

  /** Sends a request after which an ended replay may play again, so that {@link finished} waits for its next end. */
  async #restart(request: string, body?: unknown): Promise<void> {
    const hasEnded = (await this.#replay()).state === 'ended'
    if (hasEnded) {
      await this.#feed.until((feed) => feed.hasEnded, this.#patience)
      this.#feed.hasEnded = false
    }
    try {
      await post(this.#server, `/replay/${request}`, body)
    } catch (error) {
      this.#feed.hasEnded = hasEnded
      throw error
    }
  }

  #replay(): Promise<Replay> {
    return ask<Replay>(this.#server, '/replay')
  }

  /** Pauses the replay, then plays the next `frames` frames that contain events. */
  async step(frames = 1): Promise<void> {
    await post(this.#server, '/replay/step', { count: frames })
  }

  /**
   * Returns what clients should have counted after the event `until`, or after all that were sent: totals since the last lap or seek, the same for every filter and however often a
   * client reconnects.
   */
  async truth(until?: number): Promise<TruthAt> {
    return ask<TruthAt>(this.#server, until === undefined ? '/truth' : `/truth?until=${until}`)
  }

  /**
   * Waits until the recording has ended and every client has been sent all events; in a case that lets nobody in, until a second after the first attempt to
   * connect.
   */
  async finished(): Promise<Finished> {
    const refused = await this.#refused()
    if (refused === 0) await this.#end()
    let status = await this.#status()
    // The last event is sent before the final counts are known.
    while (status.state === 'connected' || status.behind > 0) {
      await sleep(POLL_MS)
      await this.#end()
      status = await this.#status()
    }
    const { byType, missed } = this.#feed
    if (missed > 0) {
      throw new LivetapeError('events_missed', `events were sent faster than this process reads; not counted: ${missed}`, 'lower the speed')
    }
    const events = Object.values(byType).reduce((sum, count) => sum + count, 0)
    const { diamonds } = await this.truth()
    return { events, byType: { ...byType }, diamonds, lost: lost(status), refused }
  }

  /** Returns the number of attempts to connect in a case that lets nobody in, once there are any. 0 in all others. */
  async #refused(): Promise<number> {
    if (!this.#hasCase) return 0
    const isLate = deadline(this.#patience)
    for (;;) {
      const { case: played, refused } = await this.#replay()
      if (refused === undefined) return 0
      if (refused > 0) break
      if (isLate()) throw this.#server.fail('timeout', `no client tried to connect within ${this.#patience / 1000} s; the case \`${played}\` lets nobody in`)
      await sleep(POLL_MS)
    }
    await sleep(REFUSED_MS)
    return (await this.#replay()).refused ?? 0
  }

  async #end(): Promise<void> {
    while (!(await this.#feed.until((feed) => feed.hasEnded, this.#patience))) {
      // A long pause between two events is not a failure.
      const { state, case: played } = await this.#replay()
      if (state === 'paused' && played) throw this.#server.fail('timeout', `the recording did not end: it is paused; the case \`${played}\` may wait for clients; ${await this.#seen()}`)
      if (state === 'paused') throw this.#server.fail('timeout', 'the recording did not end: it is paused')
      if (state === 'waiting' && this.#isHeld) throw this.#server.fail('timeout', 'the recording did not end: it is held until `play()` is called')
      if (state === 'waiting') {
        const { clients } = await this.#status()
        throw this.#server.fail('timeout', `the recording did not end: it waits for clients, ${clients} connected; ${await this.#seen()}`)
      }
    }
    if (!this.#feed.hasEnded) await this.#status()
  }

  #status(): Promise<Status> {
    return ask<Status>(this.#server, '/status')
  }

  /** Number of events of this type so far. */
  count(type: string): number {
    return this.#feed.byType[type] ?? 0
  }

  /** The last events (up to 1,000), oldest first. */
  events(): FeedEvent[] {
    return this.#feed.events.slice(-1_000)
  }

  /** The last lines that livetape printed, for a report. */
  lastLines(): string {
    return [this.#server.lastLines(), ...(this.mock ? [this.mock.lastLines()] : [])].join('\n')
  }

  /** The last lines of the servers whose lines `text` does not contain yet. @internal */
  linesNotIn(text: string): string[] {
    return [...(this.#server.isShownIn(text) ? [] : [this.#server.lastLines()]), ...(this.mock?.linesNotIn(text) ?? [])]
  }

  /** Stops the server, and verifies the expectations of its mock. */
  async stop(): Promise<void> {
    const stops = await Promise.allSettled([this.#server.stop(), this.mock?.stop()])
    for (const stop of stops) if (stop.status === 'rejected') throw stop.reason
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** The codes that a close frame may have. */
const CLOSE_CODES: readonly (readonly [number, number])[] = [[1000, 1003], [1007, 1014], [3000, 4999]]

function closeCode(code: number): number {
  if (Number.isInteger(code) && CLOSE_CODES.some(([first, last]) => code >= first && code <= last)) return code
  const ranges = CLOSE_CODES.map(([first, last]) => `${first} to ${last}`).join(', ')
  const hint = `pass a code from ${ranges}; for 1006, which clients report if a connection ends without a close frame, use drop({ abort: true })`
  throw wrong('the close code', code, hint)
}

function abort(how: unknown): { abort: true } {
  checkKeys(how, ['abort'])
  const { abort } = how as { abort?: unknown }
  if (abort !== true) throw wrong('`abort`', abort, 'pass { abort: true }, or a close code')
  return { abort }
}

function lost({ counts: { faults, recordsMissing, unreadableBytes, unsealed } }: Status): Lost | null {
  // Texts that were not UTF-8 only lost their invalid bytes.
  const undecoded = Object.entries(faults).reduce((sum, [name, count]) => (name === 'bad_utf8' ? sum : sum + count), 0)
  const lost = { records: recordsMissing, bytes: unreadableBytes, undecoded, unsealed }
  return recordsMissing || unreadableBytes || undecoded || unsealed ? lost : null
}

/** Replays a recording on a free port of this machine: its path, or options. The server never contacts other machines. */
export async function startTape(given: string | TapeOptions = {}): Promise<Tape> {
  checkOptions(given, 'recording', Object.keys(OPTIONS))
  const options: TapeOptions = typeof given === 'string' ? { recording: given } : given
  checkRecording(options.recording)
  if (options.timeout !== undefined) checkTimeout(options.timeout)
  checkMock(options.mock)
  const { recording = 'demo', speed, start, end, laps, idleLimit, case: played = process.env.LIVETAPE_CASE || undefined, waitClients = 1, hold, timeout = PATIENCE_MS } = options
  const mock = options.mock === undefined ? undefined : await startMock({ recording, ...(speed === undefined ? {} : { speed }), ...asMock(options.mock) })
  let server: Server | undefined
  try {
    const flags = { speed, start, end, loop: laps, 'idle-limit': idleLimit, case: played, upstream: mock?.url }
    const set = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${asFlag(name, value)}`]))
    // The replay starts after the reader that counts its events has connected.
    const hasToWait = hold || (waitClients === 0 && played === undefined)
    const wait = `--wait-clients=${hasToWait ? NEVER : waitClients}`
    const started = (server = await Server.start(['replay', asPath(recording), ...set], {}, [wait, '--offline', '--quiet', '--log-level', 'info']))
    // In the case `late`, the feed opens later. The show waits for its client, who cannot connect before either.
    const feed = await Feed.open(started.ready.http, (error) => (started.isLate(error) ? ask(started, '/status') : undefined))
    const tape = new Tape(started, feed, mock, timeout, Boolean(hold), played !== undefined)
    if (hasToWait && !hold) await tape.play()
    return tape
  } catch (error) {
    await Promise.allSettled([server?.stop(), mock?.stop()])
    throw error
  }
}

const asMock = (mock: string | MockOptions): MockOptions => (typeof mock === 'string' ? { scenario: mock } : mock)

const SECONDS = new Set(['start', 'end', 'idle-limit'])
const asFlag = (name: string, value: number | string) => (typeof value === 'number' && SECONDS.has(name) ? `${Math.round(value * 1000)}ms` : value)
