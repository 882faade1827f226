// Parses text messages: events of the feed, and other messages with a type.

import type { LivetapeEvent } from './events.js'

export type Message = Record<string, any> & { type: string }

/** Parses a message; returns `undefined` if it is malformed. */
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
  // A message with a position must be a complete event.
  return !('stream' in it || 'seq' in it) || isEvent(it as Message)
}

/** Whether a message is an event of the feed, including types that this version does not know. */
export function isEvent(message: Message): message is LivetapeEvent & Message {
  const { stream, seq, data } = message
  return typeof stream === 'string' && stream !== '' && Number.isSafeInteger(seq) && seq > 0 && isObject(data)
}
