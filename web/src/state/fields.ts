/** Reads the message of an event from the recording that has it. */

import type { Event } from '../feed/event.ts'
import { originOf } from '../feed/event.ts'
import { offsetOf } from '../lib/recording.ts'
import { texts } from '../texts.ts'
import { ask } from './api.ts'
import { attempt } from './messages.ts'
import { path, playing, recordings, refresh } from './recordings.ts'
import type { DissectedMessages } from './rest.ts'
import { replay } from './server.ts'
import { startedAt } from './transport.ts'

/** Timeout in ms: the server reads the recording up to the message. */
const PATIENCE_MS = 60_000
/** Events that are not messages. */
const MADE = new Set(['connection_created', 'connection_closed', 'disconnected', 'error', 'system', 'gap'])
const say = texts.fields

/** The messages, or the reason why there are none. */
export type Found = { messages: DissectedMessages['messages']; reason?: undefined } | { reason: string }

/** The recording that has an event, and its offset there. */
async function placeOf({ ts, replay: isReplayed, username }: Event): Promise<{ recording: string; offset: number } | string> {
  if (isReplayed) {
    const state = replay.peek()
    if (state && !playing.peek()) return say.unlisted
    const offset = state && offsetOf(ts, startedAt.peek(), state.durationMs ?? Infinity)
    return state && offset !== undefined ? { recording: state.show ?? state.recording, offset } : say.elsewhere
  }
  // It may have begun after the page was loaded.
  await refresh()
  const at = Date.parse(ts)
  const begun = recordings.peek().filter(({ user, started }) => user === username && started !== null && Date.parse(started) <= at)
  const latest = begun.sort((a, b) => Date.parse(b.started ?? '') - Date.parse(a.started ?? '')).find(({ sealed, durationMs, started }) =>
    !sealed || at <= Date.parse(started ?? '') + (durationMs ?? 0))
  return latest ? { recording: latest.name, offset: at - Date.parse(latest.started ?? '') } : say.unrecorded
}

export async function fieldsOf(event: Event, id: string): Promise<Found> {
  if (MADE.has(event.type) || (id !== '' && !/^-?\d+$/.test(originOf(id)))) return { reason: say.made }
  const place = await placeOf(event)
  if (typeof place === 'string') return { reason: place }
  const only = id === '' ? '' : `&id=${originOf(id)}`
  const found = await attempt(() =>
    ask<DissectedMessages>(`${path(place.recording)}/fields?at=${place.offset}ms${only}`, { patience: PATIENCE_MS }))
  return found && found.messages.length > 0 ? { messages: found.messages } : { reason: say.missing }
}
