/** Temporary messages: failures with title, details and hint, and short notices, such as that something was copied. */

import { signal } from '@preact/signals'
import '../../../examples/overlays/copy.js'
import { hintOf, titleOf } from '../failures.ts'
import { texts } from '../texts.ts'
import { Problem } from './api.ts'

export interface Message {
  id: number
  kind: 'error' | 'notice'
  title: string
  details: string
  hint: string
  code: string
  /** Whether it stays until the user dismisses it. */
  stays: boolean
  /** Buttons of the message. Each also dismisses it. */
  actions: readonly Action[]
}

export interface Action {
  label: string
  run: () => void
}

/** How long a message stays unless the user dismisses it or points at it, in ms. */
export const SHOWN_MS = 8000
/** Maximum number of messages shown at once; the oldest are removed first. */
const MESSAGES_MAX = 4

export const messages = signal<readonly Message[]>([])
let last = 0

function add(message: Omit<Message, 'id'>): void {
  last += 1
  // A repeated message replaces its predecessor: ten failures with one cause are one message.
  const others = messages.value.filter(({ title, details }) => title !== message.title || details !== message.details)
  messages.value = [...others, { ...message, id: last }].slice(-MESSAGES_MAX)
}

export const dismiss = (id: number): void => {
  messages.value = messages.value.filter((message) => message.id !== id)
}

/** Removes messages about a cause that is gone. */
export const retract = (title: string): void => {
  messages.value = messages.value.filter((message) => message.title !== title)
}

export const notice = (title: string): void => add({ kind: 'notice', title, details: '', hint: '', code: '', stays: false, actions: [] })

/** Shows a notice with buttons, which replaces the last one. With details it stays until the user dismisses it. */
export function report(title: string, details: string, actions: readonly Action[]): void {
  messages.value = messages.value.filter((message) => message.kind !== 'notice' || message.actions.length === 0)
  add({ kind: 'notice', title, details, hint: '', code: '', stays: details !== '', actions })
}

export function failure(title: string, details: string, hint = '', code = ''): void {
  add({ kind: 'error', title, details, hint, code, stays: false, actions: [] })
}

/** Shows an error response; with actions, until the user dismisses it or chooses one. */
export const failureOf = ({ code, message, hint }: Problem, actions: readonly Action[] = []): void =>
  add({ kind: 'error', title: titleOf(code), details: message, hint: hintOf(code, hint), code, stays: actions.length > 0, actions })

/** Runs an action and reports its failure. A missing token opens a dialog instead. */
export async function attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.status !== 401) failureOf(error)
    return undefined
  }
}

declare global {
  var copyText: (text: string) => Promise<boolean>
}

/** Copies a number of events, or something with a name, to the clipboard. */
export async function copy(text: string, what: number | string): Promise<void> {
  if (await copyText(text)) notice(typeof what === 'string' ? texts.copied(what) : texts.feed.copied(what))
  else failure(texts.errors.copy, texts.errors.copyDetails)
}
