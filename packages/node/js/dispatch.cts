// Calls the handlers of sockets in the order of their events, and answers.

import { HandlerError, LivetapeError } from './errors.cjs'
import type { NativeApp, SocketEvent } from './native.cjs'
import { Socket, type Handlers, type Verdict } from './socket.cjs'

/** Kinds of events, as in `src/event.rs`. */
const KIND = { connect: 0, message: 1, say: 2, binary: 3, join: 4, leave: 5, ping: 6, pong: 7, close: 8 } as const
/** Answers, as in `src/lobby.rs`. */
const CONTINUE = 0
const CANCEL = 1
const REPLACE = 2

/** Close codes with which the server reports a failure of the client. */
const FAILURES = new Map([
  [1002, ['protocol_error', 'the client violated the WebSocket protocol']],
  [1007, ['not_utf8', 'the client sent a text message that is not UTF-8']],
  [1009, ['too_large', 'the client sent a message that is too long']],
  [4101, ['slow_consumer', 'the client or the handlers fell too far behind']],
])
/** Close code of sockets that are open when the app has closed. */
const ABNORMAL = 1006

/** The names under which events are reported, by handler. */
const WANTED = { onMessage: 'message', onBinaryMessage: 'binary', onJoinRoom: 'join', onLeaveRoom: 'leave', onPing: 'ping', onPong: 'pong' } as const

type Handler = Exclude<keyof Handlers, 'clientId'>

export class Dispatcher {
  readonly sockets = new Map<string, Socket>()
  readonly #app: NativeApp
  readonly #paths = new Map<string, Handlers>()
  readonly #log: (error: LivetapeError) => void

  constructor(app: NativeApp, log: (error: LivetapeError) => void) {
    this.#app = app
    this.#log = (error) => {
      try {
        log(error)
      } catch {
        // Nothing is left to report this to.
      }
    }
  }

  add(path: string, handlers: Handlers): void {
    const wanted = Object.entries(WANTED).flatMap(([handler, name]) => (handlers[handler as Handler] ? [name] : []))
    this.#app.handle(path, handlers.clientId, wanted)
    this.#paths.set(path, handlers)
  }

  /** Takes events until the app has closed. */
  async run(): Promise<void> {
    for (let events; (events = await this.#app.nextEvents()); ) {
      const proceed: number[] = []
      for (const event of events) {
        const verdict = this.#dispatch(event)
        const { ticket } = event
        if (ticket === undefined) continue
        if (verdict instanceof Promise) void verdict.then((verdict) => this.#answer(ticket, event, verdict))
        else if (verdict === undefined) proceed.push(ticket)
        else this.#answer(ticket, event, verdict)
      }
      if (proceed.length > 0) this.#app.proceed(proceed)
    }
    for (const id of [...this.sockets.keys()]) this.#closed(id, ABNORMAL, '')
  }

  #dispatch(event: SocketEvent): unknown {
    const text = event.text ?? ''
    if (event.kind === KIND.connect) {
      const socket = new Socket(this.#app, event.socket, text, event.place ?? '')
      this.sockets.set(socket.id, socket)
      return this.#call(socket, 'onConnect')
    }
    const socket = this.sockets.get(event.socket)
    if (!socket) return undefined
    switch (event.kind) {
      case KIND.message:
        return this.#call(socket, 'onMessage', text)
      case KIND.say:
        return this.#call(socket, 'onMessage', plain(text), event.place)
      case KIND.binary:
        return this.#call(socket, 'onBinaryMessage', event.bytes)
      case KIND.join:
        return this.#call(socket, 'onJoinRoom', text)
      case KIND.leave:
        return this.#call(socket, 'onLeaveRoom', text)
      case KIND.ping:
        return this.#call(socket, 'onPing')
      case KIND.pong:
        return this.#call(socket, 'onPong')
      default:
        return this.#closed(event.socket, event.code ?? ABNORMAL, text)
    }
  }

  #closed(id: string, code: number, reason: string): void {
    const socket = this.sockets.get(id)
    if (!socket) return
    this.sockets.delete(id)
    socket.closed()
    const failure = FAILURES.get(code)
    // Only the server closes with these codes and without the client's own reason.
    if (failure && failure[0] === (reason || failure[0])) this.#report(socket, new LivetapeError(failure[0]!, failure[1]!))
    this.#call(socket, 'onClose', code, reason)
  }

  /** Calls a handler. A failure reaches `onError` and the log, and the event continues. */
  #call(socket: Socket, handler: Handler, ...args: unknown[]): unknown {
    const handlers = this.#paths.get(socket.path)
    const f = handlers?.[handler] as ((socket: Socket, ...args: unknown[]) => unknown) | undefined
    if (!f) return undefined
    const failed = (cause: unknown): undefined => void this.#report(socket, new HandlerError(handler, cause))
    try {
      const result = f.call(handlers, socket, ...args)
      return isThenable(result) ? Promise.resolve(result).catch(failed) : result
    } catch (cause) {
      return failed(cause)
    }
  }

  #report(socket: Socket, error: LivetapeError): void {
    const handlers = this.#paths.get(socket.path)
    if (error instanceof HandlerError || !handlers?.onError) this.#log(error)
    const failed = (cause: unknown): void => this.#log(new HandlerError('onError', cause))
    try {
      const result = handlers?.onError?.(socket, error)
      if (isThenable(result)) Promise.resolve(result).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }

  #answer(ticket: number, event: SocketEvent, verdict: unknown): void {
    try {
      const { shouldContinue, shouldCancel, modifiedEvent } = (typeof verdict === 'object' && verdict ? verdict : {}) as Verdict
      if (shouldCancel === true || shouldContinue === false) return this.#app.answer(ticket, CANCEL)
      const changed = event.kind === KIND.say ? replacement(modifiedEvent) : undefined
      if (changed !== undefined) return this.#app.answer(ticket, REPLACE, changed)
    } catch (cause) {
      // For example a getter that throws, or a message with a cycle.
      this.#log(new HandlerError('the result of a handler', cause))
    }
    this.#app.answer(ticket, CONTINUE)
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'

/** Returns a room message as text: strings without quotes, other values as JSON. */
function plain(json: string): string {
  const value: unknown = JSON.parse(json)
  return typeof value === 'string' ? value : json
}

/** Returns the new message as JSON, if the handler gave one. */
function replacement(modified: unknown): string | undefined {
  if (typeof modified !== 'object' || modified === null) return undefined
  const { message, data } = modified as { message?: unknown; data?: unknown }
  return JSON.stringify(message === undefined ? data : message)
}
