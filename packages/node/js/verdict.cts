// What handlers decide. A result that is not exactly a verdict is an error, never an acceptance.

import { bad, checkNames, json, show } from './errors.cjs'

/** What a handler may return to refuse, drop or change something. Without a result, the event continues. */
export interface Verdict {
  /** `false` has the same effect as `shouldCancel: true`. */
  shouldContinue?: boolean
  /** Refuses the connection, cancels the join, or drops the room message. */
  shouldCancel?: boolean
  /** Replaces a room message: any JSON value as `message`, or as `data`. */
  modifiedEvent?: { message?: unknown; data?: unknown }
}

/** The result of a handler that decides: a verdict, or nothing to continue. */
export type Result = Verdict | null | void | PromiseLike<Verdict | null | void>

/** A verdict in the form that the server takes: whether to cancel, or the JSON of the changed message. */
export interface Decision {
  cancels: boolean
  message: string | undefined
}

const HINT = 'return nothing to continue, `{ shouldCancel: true }` or `{ shouldContinue: false }` to refuse, or `{ modifiedEvent: { message } }`'

const isBoolean = (value: unknown): boolean => typeof value === 'boolean'
/** The values of each key, and their description. */
const KEYS: Record<keyof Verdict, [isValid: (value: unknown) => boolean, kind: string]> = {
  shouldContinue: [isBoolean, 'true or false'],
  shouldCancel: [isBoolean, 'true or false'],
  modifiedEvent: [isPlain, 'an object'],
}
const MODIFIED_KEYS = ['message', 'data']

/** Whether a value is an object without a class, also one of another context. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Reads the result of a handler; throws if it is invalid. */
export function decide(result: unknown): Decision {
  if (result === undefined || result === null) return { cancels: false, message: undefined }
  if (!isPlain(result)) throw bad(`the result is neither nothing nor a plain object: ${Array.isArray(result) ? 'an array' : show(result)}`, HINT)
  checkNames('keys of the result', result, Object.keys(KEYS))
  // Getters are called once.
  const verdict: Record<string, unknown> = { ...result }
  for (const [key, value] of Object.entries(verdict)) {
    const [isValid, kind] = KEYS[key as keyof Verdict]
    if (!isValid(value)) throw bad(`\`${key}\` is not ${kind}: ${show(value)}`, HINT)
  }
  const { shouldContinue, shouldCancel, modifiedEvent } = verdict as Verdict
  return { cancels: shouldCancel === true || shouldContinue === false, message: modifiedEvent && replacement(modifiedEvent) }
}

/** Returns the changed message as JSON. Without one, the old message would continue unchanged. */
function replacement(modified: object): string {
  checkNames('keys of `modifiedEvent`', modified, MODIFIED_KEYS)
  const { message, data } = modified as { message?: unknown; data?: unknown }
  return json('new message', message === undefined ? data : message)
}
