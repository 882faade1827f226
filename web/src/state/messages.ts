/** What the page tells in passing: failures with title, details and hint, and short notices. */

import { signal } from '@preact/signals'
import { texts } from '../texts.ts'
import { Problem } from './api.ts'

export interface Message {
  id: number
  kind: 'error' | 'notice'
  title: string
  details: string
  hint: string
  code: string
}

/** How long a message stays unless it is dismissed, in ms. Not while somebody points at it. */
export const SHOWN_MS = 8000
/** Messages at a time; the oldest go. */
const MESSAGES_MAX = 4

export const messages = signal<readonly Message[]>([])
let last = 0

function add(message: Omit<Message, 'id'>): void {
  last += 1
  // The same again replaces what is there: ten failures of one cause are one message.
  const others = messages.value.filter(({ title, details }) => title !== message.title || details !== message.details)
  messages.value = [...others, { ...message, id: last }].slice(-MESSAGES_MAX)
}

export const dismiss = (id: number): void => {
  messages.value = messages.value.filter((message) => message.id !== id)
}

export const notice = (title: string): void => add({ kind: 'notice', title, details: '', hint: '', code: '' })

export function failure(title: string, details: string, hint = '', code = ''): void {
  add({ kind: 'error', title, details, hint, code })
}

/** What a code is called, wherever it comes from: by the texts, by the server, or as the code itself. */
export function titleOf(code: string, told = ''): string {
  if (code === 'server_away') return texts.errors.away
  if (code === '') return told || texts.errors.strange
  const words = told || code.replaceAll('_', ' ')
  return texts.errors.titles[code] ?? words.charAt(0).toUpperCase() + words.slice(1)
}

/** Does something, and says so if it fails. A missing token has a dialogue of its own. */
export async function attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.status !== 401) failure(titleOf(error.code), error.message, error.hint, error.code)
    return undefined
  }
}
