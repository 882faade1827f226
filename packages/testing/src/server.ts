// A livetape process that ends with this one, and requests to it.

import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'

import { clearTimeout, deadline, setTimeout, sleep } from './clock.js'
import { LivetapeError } from './error.js'
import { findProgram, notInstalled } from './program.js'

/** Default timeout for clients, events and requests, in ms. Less than that of a test in Vitest and Jest, 5 s, so that the reason is reported. */
export const PATIENCE_MS = 4_000
/** Time between two requests while waiting, in ms. */
export const POLL_MS = 10
/** Version of the feed and the REST API that this package uses. */
const API_VERSION = 1
/** Timeout for a start, in ms; long, because the machine may be busy. */
const START_MS = 30_000
/** Time between two looks at the ready file, in ms. */
const LOOK_MS = 2
/** Time after a start in which the port may refuse or reset connections, in ms: for 3 s in the case `late`. */
const LATE_MS = 10_000
/** Time until a process that was asked to end is killed, in ms: more than `limits.shutdown_time`. */
const STOP_MS = 7_000
/** Maximum time to wait for the end of a process after its socket failed, in ms. After that time, the process counts as running. */
const END_MS = 1_000
/** Maximum number of last lines that are kept, and their total length in characters. */
const LINES_MAX = 40
const LINES_CHARS_MAX = 16_384

/** How a process may end if a test stops it, through its standard input or `POST /shutdown`. The exit code is 3 if the recording is damaged. */
const STOPPED = ['exited with 0', 'exited with 3']

/** Content of the ready file. */
interface Ready {
  ws: string
  http: string
  pid: number
  version: string
  apiVersion: number
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** The processes that have not ended. A worker of a test runner may live on after the runner was killed; its processes must not. */
const running = new Set<Child>()
process.once('disconnect', () => running.forEach((child) => child.stdin.end()))

/** Files in the process's temporary folder, by name. Arguments `@NAME` become their paths. */
type Files = Record<string, string>

export class Server {
  readonly #child: Child
  readonly #command: string
  #output = ''
  #end: string | undefined
  #isStopped = false
  /** Whether `stop` need not report how the process ended: an error has reported it already, or `stop` killed the process. */
  #isKnown = false
  readonly #ended: Promise<void>
  /** Whether the port should listen by now. */
  #mustListen = () => false
  ready!: Ready

  private constructor(child: Child, command: string) {
    this.#child = child
    this.#command = command
    const keep = (chunk: string) => (this.#output = (this.#output + chunk).slice(-LINES_CHARS_MAX))
    // The mock prints how to connect to it; its log is on stderr.
    if (command.startsWith('livetape mock')) child.stdout.resume()
    else child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    // A process that has ended already does not read.
    child.stdin.on('error', () => {})
    this.#ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#end ??= how
        resolve()
      }
      child.on('error', ({ message }) => end(message))
      child.on('close', (code, signal) => end(signal ? `was ended by ${signal}` : `exited with ${code}`))
    })
    // This process may end without stopping the server: then its standard input ends, and with it the server.
    child.unref()
    running.add(child)
    void this.#ended.then(() => running.delete(child))
    for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Readable & { unref?(): void }).unref?.()
  }

  /** Starts `livetape …args` on a free port, without the user's settings. Reports do not repeat the flags in `own`, which no user chose. */
  static async start(args: string[], files: Files = {}, own: string[] = []): Promise<Server> {
    const program = findProgram()
    const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-')).catch(({ message }: Error) => {
      throw new LivetapeError('not_ready', `cannot write to ${os.tmpdir()}: ${message}`, 'set TMPDIR to a folder that exists')
    })
    try {
      const file = (name: string) => path.join(folder, name)
      // An empty file instead of a livetape.toml in the current folder.
      for (const [name, text] of Object.entries({ 'livetape.toml': '', ...files })) await writeFile(file(name), text)
      const all = args.map((arg) => (arg.startsWith('@') && arg.slice(1) in files ? file(arg.slice(1)) : arg))
      const flags = ['--port', '0', '--ready-file', file('ready.json'), '--exit-with-stdin']
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^LIVETAPE_|^NO_COLOR$/.test(name)))
      const child = spawn(program, [...all, ...own, ...flags], {
        env: { ...env, LIVETAPE_CONFIG: file('livetape.toml'), NO_COLOR: '1' },
        stdio: ['pipe', 'pipe', 'pipe'],
        windowsHide: true,
      })
      const server = new Server(child, `livetape ${args.join(' ')}`)
      try {
        await server.#becomeReady(program, file('ready.json'))
        return server
      } catch (error) {
        child.kill('SIGKILL')
        throw error
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async #becomeReady(program: string, file: string): Promise<void> {
    const isLate = deadline(START_MS)
    for (;;) {
      const text = await readFile(file, 'utf8').catch(() => '')
      if (text) {
        this.ready = JSON.parse(text) as Ready
        this.#mustListen = deadline(LATE_MS)
        return this.#checkVersion()
      }
      if (this.#child.pid === undefined) {
        await this.#ended
        throw notInstalled(program, this.#end)
      }
      this.check()
      if (isLate()) throw this.fail('not_ready', `${this.#command} was not ready within ${START_MS / 1000} s`)
      await sleep(LOOK_MS)
    }
  }

  #checkVersion(): void {
    const { apiVersion, version } = this.ready
    if (apiVersion === API_VERSION) return
    const older = apiVersion > API_VERSION ? '@livetape/testing' : 'livetape'
    const message = `livetape ${version} has API version ${apiVersion}, but this @livetape/testing needs ${API_VERSION}`
    throw new LivetapeError('wrong_version', message, `install a newer ${older}`)
  }

  /** Throws if the process has ended. */
  check(): void {
    if (this.#end === undefined) return
    if (this.#isStopped && STOPPED.includes(this.#end)) throw new LivetapeError('exited', `${this.#name()} was stopped`, 'call `stop()` at the end of the test')
    this.#isKnown = true
    throw this.fail('exited', `${this.#command} ${this.#end}`)
  }

  /** Explains a failed request: throws if the process has ended, or ends now. */
  async checkSoon(): Promise<void> {
    const timer = new AbortController()
    await Promise.race([this.#ended, sleep(END_MS, undefined, timer).catch(() => {})])
    timer.abort()
    this.check()
  }

  /** Whether a request that failed for this reason may succeed later. */
  isLate({ code }: Partial<NodeJS.ErrnoException> = {}): boolean {
    return (code === 'ECONNREFUSED' || code === 'ECONNRESET') && !this.#mustListen()
  }

  #name(): string {
    return this.#command.startsWith('livetape mock') ? 'the mock' : 'the tape'
  }

  /** Creates an error that ends with the server's last lines. */
  fail(code: string, message: string): LivetapeError {
    return new LivetapeError(code, `${message}\n${this.lastLines()}`)
  }

  /** Returns the last lines that the process printed, for a report. */
  lastLines(): string {
    const lines = this.#output.trimEnd().split('\n').slice(-LINES_MAX)
    return [this.#title(), ...lines].map((line, i) => (i ? `  ${line}` : line)).join('\n')
  }

  /** Returns whether a text contains the last lines of this process. */
  isShownIn(text: string): boolean {
    return text.includes(this.#title()) && text.includes(new URL(this.ready.http).host)
  }

  #title(): string {
    return `last lines of ${this.#command}:`
  }

  /** Ends the process, gracefully at first. Throws if it died before, unless an error said so already. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#child.ref()
    this.#child.stdin.end()
    const timer = setTimeout(() => (this.#isKnown = this.#child.kill('SIGKILL')), STOP_MS)
    await this.#ended.finally(() => clearTimeout(timer))
    if (!STOPPED.includes(this.#end ?? '') && !this.#isKnown) this.check()
  }
}

interface Refusal {
  error: { code: string; message: string; hint?: string }
}

/** Requests JSON. A rejection becomes a {@link LivetapeError} with the server's code, message and hint. */
export async function ask<T>(server: Server, path: string, init?: { method?: string; body?: unknown }): Promise<T> {
  const text = typeof init?.body === 'string'
  const body = init?.body === undefined || text ? (init?.body as string | undefined) : JSON.stringify(init.body)
  // Another server may have its port by now.
  server.check()
  let response: Response
  try {
    response = await fetch(server.ready.http + path, { method: init?.method ?? 'GET', ...(body === undefined ? {} : { body }) })
  } catch (cause) {
    await server.checkSoon()
    if (server.isLate((cause as Error).cause as NodeJS.ErrnoException | undefined)) return ask(server, path, init)
    throw Object.assign(server.fail('unreachable', `cannot request ${path}: ${cause}`), { cause })
  }
  const answer = await response.text()
  if (response.ok) return (/^[[{]/.test(answer) ? JSON.parse(answer) : undefined) as T
  const refusal = answer.startsWith('{') ? (JSON.parse(answer) as Partial<Refusal>).error : undefined
  throw new LivetapeError(refusal?.code ?? 'bad_request', refusal?.message ?? `${path}: ${response.status} ${answer}`, refusal?.hint)
}

export const post = <T>(server: Server, path: string, body?: unknown): Promise<T> => ask<T>(server, path, { method: 'POST', body })
