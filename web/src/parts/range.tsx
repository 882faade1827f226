/** Actions on the marked range of the recording. */

import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { offsetTime } from '../lib/format.ts'
import { moment } from '../lib/moment.ts'
import { type Range, countsIn } from '../lib/timeline.ts'
import { cutRange, timeline } from '../state/recordings.ts'
import { replay } from '../state/server.ts'
import { bar, loop, stopLoop, zoom, zoomTo } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { CopyTest } from './copytest.tsx'
import { Dialog } from './dialogs.tsx'
import { Icon } from './icons.tsx'
import { Peek } from './peek.tsx'

const say = texts.range

/** The whole tenths of a second that contain the range. */
const rounded = ({ fromMs, toMs }: Range): Range => ({ fromMs: Math.floor(fromMs / 100) * 100, toMs: Math.ceil(toMs / 100) * 100 })

export function RangeBar() {
  const shown = useSignal<'' | 'export' | 'events'>('')
  const recording = replay.value?.recording
  const marked = loop.value ?? bar.value
  if (!marked || !recording) return null
  const range = rounded(marked)
  const unmark = loop.value ? say.unloop : say.unselect
  const counts = timeline.value ? countsIn(timeline.value, marked) : []
  const close = (): void => {
    shown.value = ''
  }
  return (
    <div class="range-bar" role="group" aria-label={say.title}>
      <span class="quiet">{say.range(offsetTime(range.fromMs, true), offsetTime(range.toMs, true))}</span>
      {!loop.value && counts.map(({ name, count }) => (
        <span key={name} class="bar-count"><span class="swatch" style={{ background: `var(--kind-${name})` }} />{say.count(texts.groups[name] ?? name, count)}</span>
      ))}
      <button type="button" class="button small" onClick={() => (shown.value = 'events')}>{say.events}</button>
      <button type="button" class="button small" onClick={() => (zoom.value = zoomTo(marked))}>{say.zoom}</button>
      <button type="button" class="button small" onClick={() => (shown.value = 'export')}>{say.export}</button>
      <CopyTest part={{ recording, ...range, total: 'diamonds' }} />
      <button type="button" class="icon-button" aria-label={unmark} title={unmark} onClick={() => (loop.value ? void stopLoop() : (bar.value = undefined))}>
        <Icon name="close" />
      </button>
      {shown.value === 'export' && <Export recording={recording} range={range} onClose={close} />}
      {shown.value === 'events' && <Peek recording={recording} range={range} onClose={close} />}
    </div>
  )
}

function Export({ recording, range, onClose }: { recording: string; range: Range; onClose: () => void }) {
  const name = useRef<HTMLInputElement>(null)
  const scrub = useRef<HTMLInputElement>(null)
  return (
    <Dialog title={say.exportTitle} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const to = name.current?.value.trim() ?? ''
          onClose()
          if (to !== '') void cutRange(recording, to, range, scrub.current?.checked ?? true)
        }}
      >
        <label class="field">
          <span>{texts.recordings.newName}</span>
          <input ref={name} type="text" defaultValue={`${recording} ${moment(range.fromMs)} to ${moment(range.toMs)}`} autocomplete="off" spellcheck={false} required />
        </label>
        <label class="check">
          <input ref={scrub} type="checkbox" defaultChecked />
          {say.scrub}
        </label>
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>{texts.recordings.cancel}</button>
          <button type="submit" class="button primary">{say.export}</button>
        </div>
      </form>
    </Dialog>
  )
}
