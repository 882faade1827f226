// What a text message is: an event of the feed, or something else with a type.

import type { LivetapeEvent } from './events.js'

export type Message = Record<string, any> & { type: string }

/** A message with a type; nothing for what is none. */
export function parse(text: unknown): Message | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const message: unknown = JSON.parse(text)
    return isMessage(message) ? message : undefined
  } catch {
    return undefined
  }
}

const isObject = (it: unknown): it is Record<string, any> => typeof it === 'object' && it !== null && !Array.isArray(it)

function isMessage(it: unknown): it is Message {
  if (!isObject(it) || typeof it.type !== 'string') return false
  // With a position it is an event, and has to be a whole one.
  return !('stream' in it || 'seq' in it) || isEvent(it as Message)
}

/** Whether it is of the feed: types that this version does not know pass as well. */
export function isEvent(message: Message): message is LivetapeEvent & Message {
  const { stream, seq, data } = message
  return typeof stream === 'string' && stream !== '' && Number.isSafeInteger(seq) && seq > 0 && isObject(data)
}
