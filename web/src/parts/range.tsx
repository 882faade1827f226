/** The marked range of the recording: what can be done with it, and its events. */

import { signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type Event, number } from '../feed/event.ts'
import { person, summary } from '../feed/summary.ts'
import { type Range, countsIn } from '../lib/charts.ts'
import { offsetTime } from '../lib/format.ts'
import { moment } from '../lib/recording.ts'
import { type Placed, readEvents } from '../state/reading.ts'
import { cutRange, timeline } from '../state/recordings.ts'
import { readOnly, replay, shownRecording } from '../state/server.ts'
import { bar, loop, loopRange, marked, seek, stopLoop, zoom, zoomTo } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { IconButton, submits } from './buttons.tsx'
import { CopyTest } from './copytest.tsx'
import { Dialog } from './dialogs.tsx'
import { Foreign, Sentence } from './foreign.tsx'
import { Who } from './line.tsx'

const say = texts.range

/** The whole tenths of a second that contain the range. */
const rounded = ({ fromMs, toMs }: Range): Range => ({ fromMs: Math.floor(fromMs / 100) * 100, toMs: Math.ceil(toMs / 100) * 100 })

export function RangeBar() {
  const shown = useSignal<'' | 'export' | 'events'>('')
  const [recording, from] = [replay.value?.recording, shownRecording.value]
  const exact = marked.value
  if (!exact || !recording || !from) return null
  const range = rounded(exact)
  const unmark = loop.value ? say.unloop : say.unselect
  const close = (): unknown => (shown.value = '')
  return (
    <div class="range-bar" role="group" aria-label={say.title}>
      <span class="quiet">{say.range(offsetTime(range.fromMs, true), offsetTime(range.toMs, true))}</span>
      {!loop.value && <Counts range={exact} />}
      <button type="button" class="button small" onClick={() => (shown.value = 'events')}>{say.events}</button>
      <button type="button" class="button small" onClick={() => (zoom.value = zoomTo(exact))}>{say.zoom}</button>
      {!loop.value && <button type="button" class="button small" onClick={() => void loopRange(exact)}>{say.loop}</button>}
      <button type="button" class="button small" onClick={() => (shown.value = 'export')}>{say.export}</button>
      <CopyTest part={{ recording, ...range, total: 'diamonds', case: replay.value?.case }} />
      <IconButton icon="close" label={unmark} onClick={() => (loop.value ? void stopLoop() : (bar.value = undefined))} />
      {shown.value === 'export' && <Export recording={from} range={range} onClose={close} />}
      {shown.value === 'events' && <Peek recording={from} range={range} onClose={close} />}
    </div>
  )
}

/** The number of events of each kind in a range of the timeline. */
export function Counts({ range }: { range: Range }) {
  const counts = timeline.value ? countsIn(timeline.value, range) : []
  return (
    <>
      {counts.map(({ name, count }) => (
        <span key={name} class="bar-count"><span class="swatch" style={{ background: `var(--kind-${name})` }} />{say.count(texts.groups[name] ?? name, count)}</span>
      ))}
    </>
  )
}

function Export({ recording, range, onClose }: { recording: string; range: Range; onClose: () => void }) {
  const name = useRef<HTMLInputElement>(null)
  const scrub = useRef<HTMLInputElement>(null)
  return (
    <Dialog title={say.exportTitle} onClose={onClose}>
      <form
        onSubmit={submits(() => {
          const to = name.current?.value.trim() ?? ''
          onClose()
          if (to !== '') void cutRange(recording, to, range, scrub.current?.checked ?? true)
        })}
      >
        <label class="field">
          <span>{texts.recordings.newName}</span>
          <input ref={name} type="text" defaultValue={`${recording} ${moment(range.fromMs)} to ${moment(range.toMs)}`} autocomplete="off" spellcheck={false} required />
        </label>
        <label class="check">
          <input ref={scrub} type="checkbox" defaultChecked />
          {say.scrub}
        </label>
        <p class="quiet">{say.scrubHint}</p>
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>{texts.recordings.cancel}</button>
          <button type="submit" class="button primary">{say.export}</button>
        </div>
      </form>
    </Dialog>
  )
}

/** Maximum number of events shown. */
const SHOWN_MAX = 500

/** The range of the bar that was opened. */
export const peeked = signal<Range | undefined>(undefined)

/** What a gift event adds to its streak, and the total so far. */
function Part({ event: { type, data } }: { event: Event }) {
  const [added, total] = [number(data.repeatDelta) ?? 0, number(data.repeatCount) ?? 0]
  if (type !== 'gift' || total === 0) return null
  return <strong class="count">{say.part(added, total, data.isFinal === true)}</strong>
}

/** What is searched of an event. */
const textOf = (event: Event): string => {
  const { name, handle } = person(event)
  return `${event.type} ${name} ${handle} ${summary(event)}`.toLowerCase()
}

/** The events of a range. */
export function Peek({ recording, range, onClose }: { recording: string; range: Range; onClose: () => void }) {
  const found = useSignal<readonly Placed[]>([])
  const isDone = useSignal(false)
  const wanted = useSignal('')
  const matching = found.value.filter(({ event }) => textOf(event).includes(wanted.value.trim().toLowerCase()))
  useEffect(() => readEvents(recording, range.fromMs, (offset) => offset >= range.toMs, (events) => {
    found.value = events.filter(({ offset }) => offset < range.toMs)
    isDone.value = true
  }), [])
  return (
    <Dialog title={say.eventsTitle(offsetTime(range.fromMs, true), offsetTime(range.toMs, true))} onClose={onClose}>
      <input type="search" aria-label={say.search} placeholder={say.search} onInput={({ currentTarget }) => (wanted.value = currentTarget.value)} />
      {matching.length > SHOWN_MAX && <p class="quiet">{say.first(SHOWN_MAX)}</p>}
      <ol class="peek" tabIndex={0} aria-busy={!isDone.value} aria-label={say.events}>
        {matching.slice(0, SHOWN_MAX).map(({ event, offset }, index) => (
          <li key={index}>
            <button type="button" class="link" title={say.goTo} disabled={readOnly.value} onClick={() => { onClose(); void seek(offset) }}><time>{offsetTime(offset, true)}</time></button>
            <Foreign class="quiet" text={event.type} />
            <span><Who {...person(event)} /> <bdi><Sentence text={summary(event)} /></bdi> <Part event={event} /></span>
          </li>
        ))}
      </ol>
      {isDone.value && matching.length === 0 && <p class="quiet">{found.value.length === 0 ? say.noEvents : texts.feed.noMatch}</p>}
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>{texts.help.close}</button>
      </div>
    </Dialog>
  )
}
