// A mock TikTok.

import { deadline, sleep } from './clock.js'

import { LivetapeError, asPath, checkKeys, checkOptions, checkRecording, checkTimeout, isCount, isObject, wrong } from './error.js'
import { PATIENCE_MS, POLL_MS, ask, Server } from './server.js'

/** How early a client's timer may end, in ms: clocks count whole milliseconds. */
const EARLY_MS = 2
/** Maximum number of log entries in a report. */
const LISTED_MAX = 20

export interface MockOptions {
  /** Path of a scenario file, or name of an included one, such as `rate-limited-twice`. */
  scenario?: string
  /** A scenario as text, in TOML, instead of a file. */
  toml?: string
  /** What rooms play: a path, or `demo`. Defaults to the scenario's recording, or `demo`. */
  recording?: string
  /** 0.1 to 1000 times the original speed, or `max`. */
  speed?: number | 'max'
  /** Seed of all random values. */
  seed?: number
}

const OPTIONS: Record<keyof MockOptions, true> = { scenario: true, toml: true, recording: true, speed: true, seed: true }

/** An entry in the log of client activity, as in `GET /__admin/log` of the mock. Secrets are masked. */
export interface LogEntry {
  /** Time since the mock was started or reset, in ms. */
  at_ms: number
  /** Number of the connection, from 1. */
  connection: number
  what: 'request' | 'upgrade' | 'enter' | 'heartbeat' | 'ack' | 'other' | 'fault' | 'closed'
  method?: string
  path?: string
  query?: Array<[name: string, value: string]>
  headers?: Array<[name: string, value: string]>
  /** Status of the response; 0 if there was none. */
  status?: number
  /** Fault that shaped the response. */
  fault?: string
  /** Close code. */
  code?: number
  reason?: string
  by?: 'client' | 'mock'
}

/** Client activity: requests of a path (`/webcast/fetch`), or activity on WebSockets. */
export type Seen = `/${string}` | 'connection' | 'enter' | 'heartbeat' | 'ack' | { close: number }

const ACTIVITIES = ['connection', 'enter', 'heartbeat', 'ack']

/** Number of times: exactly, or a range. */
export type Times = number | { min?: number; max?: number }

/** A mock TikTok. Point a client at its `url`, script failures, and verify the client's requests. */
export class Mock {
  /** Base URL: `http://127.0.0.1:PORT`. */
  readonly url: string
  readonly #server: Server
  readonly #expectations: Array<(entries: LogEntry[]) => string | undefined> = []

  /** @internal */
  constructor(server: Server) {
    this.#server = server
    this.url = server.ready.http
  }

  /** Returns the log of client activity, oldest first; with `seen`, only these entries. */
  async received(seen?: Seen): Promise<LogEntry[]> {
    if (seen !== undefined) checkSeen(seen)
    const { dropped, entries } = await ask<{ dropped: number; entries: LogEntry[] }>(this.#server, '/__admin/log')
    if (dropped > 0) throw new LivetapeError('unmet', `the log is full; dropped entries: ${dropped}`, 'call `reset()` between tests')
    return seen === undefined ? entries : entries.filter((entry) => is(seen, entry))
  }

  /** Expects `seen` to happen this often. {@link verify} checks that, and {@link stop} at the latest. */
  expect(seen: Seen, times: Times): void {
    checkSeen(seen)
    checkTimes(times)
    const at = caller()
    this.#expectations.push((entries) => {
      const got = entries.filter((entry) => is(seen, entry)).length
      return isWithin(got, times) ? undefined : `expected ${shownSeen(seen, times)}, got ${got}${at}`
    })
  }

  /** Expects clients to send no request for `ms` after each failure: an error, a fault, or the end of a socket. */
  expectNoReconnectBefore(ms: number): void {
    checkTime(ms)
    const at = caller()
    this.#expectations.push((entries) => {
      const unmet = tooEarly(entries, ms)
      return unmet && unmet + at
    })
  }

  /** Verifies all expectations and removes them, so that a failure is reported once: {@link stop} does not repeat it. */
  async verify(): Promise<void> {
    if (this.#expectations.length === 0) return
    const entries = await this.received()
    const unmet = this.#expectations.splice(0).flatMap((expectation) => expectation(entries) ?? [])
    if (unmet.length > 0) throw new LivetapeError('unmet', `${unmet.join('\n')}\n${listed(entries)}`)
  }

  /** Waits until `seen` has happened this often, and returns the log entries. */
  async waitFor(seen: Seen, times: Times, options: { timeout?: number } = {}): Promise<LogEntry[]> {
    checkSeen(seen)
    checkTimes(times)
    checkKeys(options, ['timeout'])
    const { timeout = PATIENCE_MS } = options
    checkTimeout(timeout)
    const isLate = deadline(timeout)
    for (;;) {
      const entries = await this.received()
      const found = entries.filter((entry) => is(seen, entry))
      if (isWithin(found.length, times)) return found
      if (isLate()) {
        const expected = `expected ${shownSeen(seen, times)} within ${timeout / 1000} s, got ${found.length}`
        throw new LivetapeError('timeout', `${expected}\n${listed(entries)}`)
      }
      await sleep(POLL_MS)
    }
  }

  /** Replaces the scenario with another, in TOML, and clears the log, rooms and counts. */
  async setScenario(toml: string): Promise<void> {
    checkToml(toml)
    await ask(this.#server, '/__admin/scenario', { method: 'PUT', body: toml })
  }

  /** Clears the log, rooms and counts. */
  async reset(): Promise<void> {
    await ask(this.#server, '/__admin/reset', { method: 'POST' })
  }

  /** The last lines that the mock printed, for a report. */
  lastLines(): string {
    return this.#server.lastLines()
  }

  /** The last lines, unless `text` contains them already. @internal */
  linesNotIn(text: string): string[] {
    return this.#server.isShownIn(text) ? [] : [this.#server.lastLines()]
  }

  /** Verifies all expectations and stops the mock. */
  async stop(): Promise<void> {
    await this.verify().finally(() => this.#server.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Starts a mock TikTok on a free port of this machine. Pass the path of a scenario file, or options. */
export async function startMock(options: string | MockOptions = {}): Promise<Mock> {
  checkOptions(options, 'scenario', Object.keys(OPTIONS))
  const { scenario, toml, recording, speed, seed }: MockOptions = typeof options === 'string' ? { scenario: options } : options
  checkRecording(recording)
  if (toml !== undefined) checkToml(toml)
  const flags = { play: recording && asPath(recording), speed, seed, scenario: toml === undefined ? scenario && asPath(`${scenario}`) : '@scenario.toml' }
  const given = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, `${value}`]))
  return new Mock(await Server.start(['mock', ...given, '--log-level', 'info'], toml === undefined ? {} : { 'scenario.toml': toml }))
}

function checkToml(toml: unknown): void {
  if (typeof toml !== 'string') throw wrong('`toml`', toml, 'pass a scenario as text')
}

/** @internal */
export function checkSeen(seen: unknown): void {
  if (typeof seen === 'string' && (seen.startsWith('/') || ACTIVITIES.includes(seen))) return
  if (isObject(seen) && Object.keys(seen).join() === 'close' && isCount(seen.close)) return
  throw wrong('`seen`', seen, `pass a path such as '/webcast/fetch', ${ACTIVITIES.map((name) => `'${name}'`).join(', ')} or { close: CODE }`)
}

/** @internal */
export function checkTimes(times: unknown): void {
  if (isCount(times)) return
  if (isObject(times) && Object.keys(times).every((key) => key === 'min' || key === 'max')) {
    const { min = 0, max = Infinity } = times
    const isRange = times.min !== undefined || times.max !== undefined
    if (isRange && isCount(min) && (isCount(max) || max === Infinity) && min <= max) return
  }
  throw wrong('`times`', times, 'pass a whole number, or { min, max }')
}

/** @internal */
export function checkTime(ms: unknown): void {
  if (typeof ms !== 'number' || !(ms >= 0)) throw wrong('`ms`', ms, 'pass a number of milliseconds')
}

function is(seen: Seen, { what, path = '', code }: LogEntry): boolean {
  if (typeof seen === 'object') return what === 'closed' && code === seen.close
  if (seen.startsWith('/')) return what === 'request' && bare(path) === bare(seen)
  return what === (seen === 'connection' ? 'upgrade' : seen)
}

const bare = (path: string) => path.replace(/\/+$/, '')

function range(times: Times): { min: number; max: number } {
  const { min = 0, max = Infinity } = typeof times === 'number' ? { min: times, max: times } : times
  return { min, max }
}

/** @internal */
export function isWithin(count: number, times: Times): boolean {
  const { min, max } = range(times)
  return min <= count && count <= max
}

/** Returns a count or a range with its noun. The noun is singular if the maximum is 1. @internal */
export function shownTimes(times: Times, one: string, many = `${one}s`): string {
  const { min, max } = range(times)
  const noun = max === 1 ? one : many
  if (max === Infinity) return `${min} or more ${noun}`
  if (min === max) return `${min} ${noun}`
  return min === 0 ? `at most ${max} ${noun}` : `${min} to ${max} ${noun}`
}

/** @internal */
export function shownSeen(seen: Seen, times: Times): string {
  if (typeof seen === 'object') return shownTimes(times, `close with ${seen.close}`, `closes with ${seen.close}`)
  if (seen.startsWith('/')) return shownTimes(times, `request of ${seen}`, `requests of ${seen}`)
  return seen === 'enter' ? shownTimes(times, 'client that enters', 'clients that enter') : shownTimes(times, seen)
}

/** Describes the first request within `ms` of a failure. @internal */
export function tooEarly(entries: LogEntry[], ms: number): string | undefined {
  let failed: number | undefined
  for (const { what, at_ms, status = 0, fault } of entries) {
    if (what === 'request' && failed !== undefined && at_ms - failed < ms - EARLY_MS) {
      return `expected no request for ${ms} ms after the failure at ${failed} ms; one came after ${at_ms - failed} ms`
    }
    const isFailure = what === 'closed' || (what === 'request' && (fault !== undefined || status < 100 || status >= 400))
    if (isFailure) failed = at_ms
  }
  return undefined
}

/** Lists the end of the log. @internal */
export function listed(entries: LogEntry[]): string {
  if (entries.length === 0) return 'received nothing'
  const shown = entries.slice(-LISTED_MAX).map(({ at_ms, connection, what, method, path, status, fault, code }) => {
    const request = `${method} ${path} → ${status}${fault ? ` (${fault})` : ''}`
    return `  ${String(at_ms).padStart(8)} ms  connection ${connection}: ${what === 'request' ? request : `${what}${code ? ` ${code}` : ''}`}`
  })
  return `received${entries.length > LISTED_MAX ? ', at the end' : ''}:\n${shown.join('\n')}`
}

/** Returns the caller's line in the test. */
function caller(): string {
  const line = new Error().stack?.split('\n')[3]
  return line ? `\n ${line.trimStart().replace(/^/, ' ')}` : ''
}
