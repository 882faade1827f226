/** The events of a range, from a private replay that does not disturb the current one. */

import { signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type Event, number, readEvent } from '../feed/event.ts'
import { person, summary } from '../feed/summary.ts'
import { offsetTime } from '../lib/format.ts'
import { moment, offsetOf } from '../lib/moment.ts'
import { playUrl, protocols } from '../state/api.ts'
import { replay } from '../state/server.ts'
import type { Range } from '../lib/timeline.ts'
import { startedAt } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { Dialog } from './dialogs.tsx'
import { Foreign, Sentence } from './foreign.tsx'
import { Who } from './line.tsx'

/** Maximum number of events shown. */
const EVENTS_MAX = 500
const say = texts.range

/** The range of the bar that was opened. */
export const peeked = signal<Range | undefined>(undefined)

/** What a gift event adds to its streak, and the total so far. */
function Part({ event: { type, data } }: { event: Event }) {
  const [added, total] = [number(data.repeatDelta) ?? 0, number(data.repeatCount) ?? 0]
  if (type !== 'gift' || total === 0) return null
  return <strong class="count">{say.part(added, total, data.isFinal === true)}</strong>
}

export function Peek({ recording, range, onClose }: { recording: string; range: Range; onClose: () => void }) {
  const found = useSignal<readonly { event: Event; offset: number }[]>([])
  const isDone = useSignal(false)
  useEffect(() => {
    const events: { event: Event; offset: number }[] = []
    const socket = new WebSocket(playUrl(recording, moment(range.fromMs)), protocols())
    const finish = (): void => {
      if (isDone.value) return
      found.value = events
      isDone.value = true
      socket.close(1000)
    }
    socket.onmessage = ({ data }) => {
      const event = readEvent(String(data))
      const offset = event && offsetOf(event.ts, startedAt.value, replay.value?.durationMs ?? Infinity)
      if (!event || offset === undefined || event.type.startsWith('connection_')) return
      if (offset < range.fromMs) return
      if (offset >= range.toMs || events.length === EVENTS_MAX) return finish()
      events.push({ event, offset })
    }
    socket.onclose = finish
    return () => socket.close(1000)
  }, [])
  return (
    <Dialog title={say.eventsTitle(offsetTime(range.fromMs, true), offsetTime(range.toMs, true))} onClose={onClose}>
      <ol class="peek" tabIndex={0} aria-busy={!isDone.value} aria-label={say.events}>
        {found.value.map(({ event, offset }, index) => (
          <li key={index}>
            <time>{offsetTime(offset, true)}</time>
            <Foreign class="quiet" text={event.type} />
            <span><Who {...person(event)} /> <bdi><Sentence text={summary(event)} /></bdi> <Part event={event} /></span>
          </li>
        ))}
      </ol>
      {isDone.value && found.value.length === 0 && <p class="quiet">{say.noEvents}</p>}
      {found.value.length === EVENTS_MAX && <p class="quiet">{say.first(EVENTS_MAX)}</p>}
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>{texts.help.close}</button>
      </div>
    </Dialog>
  )
}
