// Calls the handlers of sockets in the order of their events, and answers.

import { bad, checkFunction, checkKeys, HandlerError, isStrings, isThenable, LivetapeError, text } from './errors.cjs'
import type { Details, NativeApp } from './native.cjs'
import { Socket, type Handlers } from './socket.cjs'
import { decide } from './verdict.cjs'

/** An event of a socket. */
interface SocketEvent {
  /** Identifies the event in an answer. */
  number: number
  kind: number
  socket: string
  what: unknown
  /** Whether it is answered by a call, not by the next turn. */
  isDeferred?: true
}

/** Kinds of events, as in `src/event.rs`. */
const KIND = { connect: 0, message: 1, say: 2, binary: 3, join: 4, leave: 5, ping: 6, pong: 7, close: 8 } as const
/** Answers, as in `src/lobby.rs`. */
const CONTINUE = 0
const CANCEL = 1
const REPLACE = 2
const FAILED = 3
/** Stands for the result of a handler that failed. */
const FAILURE = Symbol('failure')

/** Close codes with which the server reports a failure of the client. */
const FAILURES = new Map([
  [1002, ['protocol_error', 'the client violated the WebSocket protocol']],
  [1007, ['not_utf8', 'the client sent a text message that is not UTF-8']],
  [1009, ['too_large', 'the client sent a message that is too long']],
  [4101, ['slow_consumer', 'the client or the handlers fell too far behind']],
])
/** Close code of a socket that ended without a close frame. */
const ABNORMAL = 1006

/** The keys of `Handlers` that are not in `WANTED`. */
const OTHERS = ['onClose', 'onError', 'clientId', 'protocols']
/** The names under which events are reported, by handler. */
const WANTED = { onConnect: 'connect', onMessage: 'message', onBinaryMessage: 'binary', onJoinRoom: 'join', onLeaveRoom: 'leave', onPing: 'ping', onPong: 'pong' } as const

/** The keys of `Handlers` that are not functions. */
const OPTIONS = ['clientId', 'protocols']

type Handler = Exclude<keyof Handlers, 'clientId' | 'protocols'>

/** The handlers whose result decides, by kind of event. */
const DECIDING: Record<number, Handler> = { [KIND.connect]: 'onConnect', [KIND.message]: 'onMessage', [KIND.say]: 'onMessage', [KIND.join]: 'onJoinRoom' }

export class Dispatcher {
  readonly sockets = new Map<string, Socket>()
  readonly #app: NativeApp
  readonly #paths = new Map<string, Handlers>()
  /** Reports a failure that nobody handles. Never throws. */
  readonly log: (error: LivetapeError) => void
  readonly #failOpen: boolean
  /** Messages that wait for a handler of their socket. */
  readonly #held = new Map<string, SocketEvent[]>()
  #isLate = false
  /** Number of events so far. */
  #events = 0
  /** Whether the next turn is scheduled. */
  #isSoon = false
  /** Called when the app has closed; absent before it listens and after that. */
  #end: (() => void) | undefined

  constructor(app: NativeApp, log: (error: LivetapeError) => void, failOpen: boolean) {
    this.#app = app
    this.#failOpen = failOpen
    this.log = (error) => {
      const failed = (failure: unknown): void => console.error(failure, error)
      try {
        const logged: unknown = log(error)
        if (isThenable(logged)) Promise.resolve(logged).catch(failed)
      } catch (failure) {
        failed(failure)
      }
    }
  }

  add(path: string, handlers: Handlers): void {
    checkKeys('handlers', handlers, [...Object.keys(WANTED), ...OTHERS])
    if (handlers.clientId !== undefined) text('clientId', handlers.clientId)
    for (const name of [...Object.keys(WANTED), ...OTHERS]) if (!OPTIONS.includes(name)) checkFunction(name, handlers[name as Handler])
    const { clientId, protocols = [] } = handlers
    if (!isStrings(protocols)) throw bad('`protocols` is not an array of strings', "pass an array: ['chat']")
    const wanted = Object.entries(WANTED).flatMap(([handler, name]) => (handlers[handler as Handler] ? [name] : []))
    this.#app.handle(path, clientId, protocols, wanted)
    this.#paths.set(path, handlers)
  }

  /** Takes events until the app has closed. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#end = resolve
      this.#app.run(() => this.#isSoon || this.#turn())
    })
  }

  /** Begins another turn after the code that runs now, and the handlers that go on without waiting. It writes what they have sent. */
  soon(): void {
    if (this.#isSoon || !this.#end) return
    this.#isSoon = true
    setImmediate(() => {
      this.#isSoon = false
      this.#turn()
    })
  }

  #turn(): void {
    const events = this.#app.turn()
    if (!events) return this.#over()
    this.#checkTime()
    for (let at = 0; at < events.length; at += 3) {
      this.#dispatch({ number: (this.#events += 1), kind: events[at] as number, socket: events[at + 1] as string, what: events[at + 2] })
    }
    if (events.length > 0) this.soon()
  }

  #over(): void {
    for (const id of [...this.sockets.keys()]) this.#closed(id)
    this.#end?.()
    this.#end = undefined
  }

  /** Reports the first event whose handler had no result in time. Later ones are only counted. */
  #checkTime(): void {
    if (this.#isLate || this.#app.unanswered() === 0) return
    this.#isLate = true
    const hint = 'answer sooner, or raise `handlerTimeoutMs`. `getStats().unansweredEvents` counts these events, and this is reported once'
    const outcome = this.#failOpen ? 'the event continued' : 'what the handler could have refused was refused'
    this.log(new LivetapeError('handler_timeout', `a handler had no result in time: ${outcome}`, hint))
  }

  #dispatch(event: SocketEvent): void {
    const isMessage = event.kind === KIND.message || event.kind === KIND.binary
    const held = isMessage ? this.#held.get(event.socket) : undefined
    if (held) {
      this.#defer(event)
      held.push(event)
      return
    }
    const result = this.#handle(event)
    if (!(result instanceof Promise)) {
      // A connection is accepted before the next event is handled, so that it receives what later handlers broadcast.
      if (result !== undefined || event.isDeferred || event.kind === KIND.connect) this.#answer(event, result)
      return
    }
    this.#defer(event)
    if (isMessage) this.#hold(event, result)
    else void result.then((result) => this.#answer(event, result))
  }

  #defer(event: SocketEvent): void {
    if (event.isDeferred) return
    event.isDeferred = true
    this.#app.defer(event.number)
  }

  /** Holds back the next messages of a socket until the handler has a result, or takes too long. */
  #hold(event: SocketEvent, result: Promise<unknown>): void {
    const held: SocketEvent[] = []
    this.#held.set(event.socket, held)
    const release = (): void => {
      if (this.#held.get(event.socket) !== held) return
      this.#held.delete(event.socket)
      // One of them may hold back the others again.
      for (const event of held) this.#dispatch(event)
    }
    const timer = setTimeout(() => {
      this.#app.giveUp(event.number)
      this.#checkTime()
      release()
    }, this.#app.handlerTimeoutMs).unref()
    void result.then((result) => {
      clearTimeout(timer)
      this.#answer(event, result)
      release()
    })
  }

  #handle({ kind, socket: id, what }: SocketEvent): unknown {
    const { text, place, json = '{}' } = (what ?? {}) as Details
    if (kind === KIND.connect) {
      const socket = new Socket(this.#app, () => this.soon(), this.log, id, text, place ?? '', json)
      this.sockets.set(id, socket)
      return this.#call(socket, 'onConnect')
    }
    const socket = this.sockets.get(id)
    if (!socket) return undefined
    switch (kind) {
      case KIND.message:
        return this.#call(socket, 'onMessage', what)
      case KIND.say:
        return this.#call(socket, 'onMessage', plain(text), place)
      case KIND.binary:
        return this.#call(socket, 'onBinaryMessage', what)
      case KIND.join:
        return this.#call(socket, 'onJoinRoom', what)
      case KIND.leave:
        return this.#call(socket, 'onLeaveRoom', what)
      case KIND.ping:
        return this.#call(socket, 'onPing')
      case KIND.pong:
        return this.#call(socket, 'onPong')
      default:
        return this.#closed(id, what as Details)
    }
  }

  #closed(id: string, { code = ABNORMAL, text: reason = '', place, json = '{}', byServer = false }: Partial<Details> = {}): void {
    const socket = this.sockets.get(id)
    if (!socket) return
    this.sockets.delete(id)
    for (const event of this.#held.get(id) ?? []) this.#answer(event, undefined)
    this.#held.delete(id)
    socket.closed({ roomId: place, metadata: new Map(Object.entries(JSON.parse(json) as object)) })
    // A client may send such a code, too.
    const failure = byServer ? FAILURES.get(code) : undefined
    if (failure && failure[0] === reason) this.#report(socket, new LivetapeError(failure[0]!, failure[1]!))
    this.#call(socket, 'onClose', code, reason)
  }

  /** Calls a handler, and returns its result, or `FAILURE`. A failure reaches `onError` and the log. */
  #call(socket: Socket, handler: Handler, ...args: unknown[]): unknown {
    const handlers = this.#paths.get(socket.path)
    const f = handlers?.[handler] as ((socket: Socket, ...args: unknown[]) => unknown) | undefined
    if (!f) return undefined
    const failed = (cause: unknown): typeof FAILURE => {
      this.#report(socket, new HandlerError(handler, cause))
      return FAILURE
    }
    try {
      const result = f.call(handlers, socket, ...args)
      return isThenable(result) ? Promise.resolve(result).catch(failed) : result
    } catch (cause) {
      return failed(cause)
    }
  }

  #report(socket: Socket, error: LivetapeError): void {
    const handlers = this.#paths.get(socket.path)
    if (error instanceof HandlerError || !handlers?.onError) this.log(error)
    const failed = (cause: unknown): void => this.log(new HandlerError('onError', cause))
    try {
      const result = handlers?.onError?.(socket, error)
      if (isThenable(result)) Promise.resolve(result).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }

  #answer({ number, kind, socket: id }: SocketEvent, result: unknown): void {
    if (result === FAILURE) return this.#app.answer(number, FAILED)
    const handler = DECIDING[kind]
    if (handler === undefined) return this.#app.answer(number, CONTINUE)
    try {
      const { cancels, message } = decide(result)
      if (cancels) return this.#app.answer(number, CANCEL)
      if (message !== undefined && kind === KIND.say) return this.#app.answer(number, REPLACE, message)
    } catch (cause) {
      this.#app.answer(number, FAILED)
      const error = new HandlerError(`the result of ${handler}`, cause)
      const socket = this.sockets.get(id)
      return socket ? this.#report(socket, error) : this.log(error)
    }
    this.#app.answer(number, CONTINUE)
  }
}

/** Returns a room message as text: strings without quotes, other values as JSON. */
function plain(json: string): string {
  const value: unknown = JSON.parse(json)
  return typeof value === 'string' ? value : json
}
