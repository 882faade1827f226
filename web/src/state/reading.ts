/** Reads events of a recording from a private replay, which does not disturb the current one. */

import { type Event, readEvent } from '../feed/event.ts'
import { moment, offsetOf } from '../lib/recording.ts'
import { playUrl, protocols } from './api.ts'
import { replay } from './server.ts'
import { startedAt } from './transport.ts'

export interface Placed {
  event: Event
  offset: number
}

/** Maximum number of events that are read. */
const EVENTS_MAX = 20_000

/** Reads the events from an offset on until `isLast` says so, then tells them all, once. Returns how to stop. */
export function readEvents(recording: string, fromMs: number, isLast: (offset: number) => boolean, tell: (events: readonly Placed[]) => void): () => void {
  const events: Placed[] = []
  const socket = new WebSocket(playUrl(recording, moment(fromMs)), protocols())
  let isDone = false
  const finish = (): void => {
    if (isDone) return
    isDone = true
    socket.close(1000)
    tell(events)
  }
  socket.onmessage = ({ data }) => {
    const event = readEvent(String(data))
    const offset = event && offsetOf(event.ts, startedAt.peek(), replay.peek()?.durationMs ?? Infinity)
    if (isDone || !event || offset === undefined || event.type.startsWith('connection_') || offset < fromMs) return
    events.push({ event, offset })
    if (isLast(offset) || events.length === EVENTS_MAX) finish()
  }
  socket.onclose = finish
  return () => {
    isDone = true
    // Browsers complain of a socket that is closed before it is open.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000)
    else socket.close(1000)
  }
}
