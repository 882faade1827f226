/** The full JSON of one event, or the fields of the message that it was read from. */

import { effect, signal, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { type Event, number, readEvent, text as textOf } from '../feed/event.ts'
import { giftOf } from '../feed/summary.ts'
import { type FieldRow, rowsOf } from '../lib/fields.ts'
import { escaped } from '../lib/plain.ts'
import { offsetOf } from '../lib/recording.ts'
import { type Part, totalOf } from '../lib/snippets.ts'
import { copy } from '../state/messages.ts'
import { json } from '../state/feed.ts'
import { type Found, fieldsOf } from '../state/fields.ts'
import { readOnly, replay } from '../state/server.ts'
import { cursor, seek, seekEvent, setSpeed, startedAt } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { CopyButton, IconButton } from './buttons.tsx'
import { CopyTest } from './copytest.tsx'
import { Foreign } from './foreign.tsx'
import { Gift } from './icons.tsx'

/** ID of the open row. */
export const opened = signal<number | undefined>(undefined)
// A step, or another move of a paused replay, shows the event that it leads to.
let wasAt: number | undefined
effect(() => {
  const at = cursor.value?.row.id
  if (at !== undefined && wasAt !== undefined && at !== wasAt && opened.peek() !== undefined) opened.value = at
  wasAt = at
})

/** Whether the fields of the message are shown instead of the JSON. */
const showsFields = signal(false)

/** Maximum number of characters shown; copying always copies everything. */
const SHOWN_CHARS_MAX = 200_000
/** The id of an event in a second or later pass over its recording. */
const REPEATED = /~\d+$/
const say = texts.feed

/** The current recording up to an event; `undefined` if the event is not from it. */
function partUpTo({ type, data, ts, replay: isReplayed }: Event): Part | undefined {
  const state = replay.peek()
  const offset = isReplayed && state ? offsetOf(ts, startedAt.peek(), state.durationMs ?? Infinity) : undefined
  if (!state || offset === undefined) return undefined
  return { recording: state.recording, fromMs: 0, toMs: offset + 1, total: totalOf(type, data.action), case: state.case }
}

/** Copies one row, or all rows that match the filter. */
export const copyEvents = async (row?: number): Promise<void> => {
  const { text, count } = await json(row)
  await copy(text, count)
}

export function Details() {
  const shown = useSignal('')
  const gift = useSignal<string | undefined>(undefined)
  const source = useSignal<{ event: Event; id: string } | undefined>(undefined)
  const isRepeated = useSignal(false)
  const part = useSignal<Part | undefined>(undefined)
  const isReachable = useSignal(false)
  const goTo = useRef<() => Promise<void>>(() => Promise.resolve())
  const panel = useRef<HTMLElement>(null)
  const row = opened.value
  // A streak keeps its row.
  const version = cursor.value?.row.id === row ? cursor.value?.row.version : 0
  useEffect(() => {
    let isWanted = true
    void json(row).then(({ text, count }) => {
      if (!isWanted) return
      // A streak has several lines, all about one gift.
      const lines = text.split('\n')
      const event = readEvent(lines[0] ?? '')
      gift.value = event && giftOf(event)
      const last = count === 0 ? undefined : readEvent(lines.at(-1) ?? '')
      part.value = last && partUpTo(last)
      // The server knows the events of this pass by their numbers. A streak is played from its beginning.
      const isOfThisPass = (): boolean => event?.replay === true && event.generation === replay.peek()?.generation
      const until = event && partUpTo(event)
      isReachable.value = until !== undefined || isOfThisPass()
      goTo.current = async () => {
        // At this speed, everything would be over before anybody saw it.
        if (replay.peek()?.speed === 'max') await setSpeed(1)
        if (event && isOfThisPass()) await seekEvent(event.seq)
        else if (until) await seek(until.toMs - 1)
      }
      const events = count === 0 ? [] : lines.map((line) => JSON.parse(line) as { id?: unknown })
      source.value = last && { event: last, id: textOf(events.at(-1)?.id) }
      isRepeated.value = events.some(({ id }) => REPEATED.test(String(id)))
      shown.value = count === 0 ? say.gone : events.map((line) => escaped(JSON.stringify(line, null, 2))).join('\n')
    })
    return () => {
      isWanted = false
    }
  }, [row, version])
  const close = (): void => {
    // A row that opened the panel with enter keeps the focus.
    const losesFocus = panel.current?.contains(document.activeElement) || document.activeElement === document.body
    opened.value = undefined
    if (losesFocus) document.querySelector<HTMLElement>('.list')?.focus({ preventScroll: true })
  }
  // Before the panel is drawn: from then on, users may press escape.
  useLayoutEffect(() => {
    const closeOnEscape = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open]') && !(event.target as Element).closest('input, select')) close()
    }
    addEventListener('keydown', closeOnEscape)
    return () => removeEventListener('keydown', closeOnEscape)
  }, [])
  return (
    <aside ref={panel} class="details" aria-label={say.details}>
      <div class="details-head">
        <h3>{say.details}</h3>
        {gift.value !== undefined && <Gift name={gift.value} />}
        {isReachable.value && (
          <button type="button" class="button small" title={say.goToHint} disabled={readOnly.value} onClick={() => void goTo.current()}>
            {say.goTo}
          </button>
        )}
        <CopyButton label={say.copyOne} onClick={() => copyEvents(row)} />
        <IconButton icon="close" label={say.close} onClick={close} />
      </div>
      {isRepeated.value && <p class="quiet">{say.whyId}</p>}
      {source.value && (
        <div class="details-tools">
          <div role="group" aria-label={say.show}>
            <button type="button" class="chip" aria-pressed={!showsFields.value} onClick={() => (showsFields.value = false)}>{say.json}</button>{' '}
            <button type="button" class="chip" aria-pressed={showsFields.value} title={say.fieldsHint} onClick={() => (showsFields.value = true)}>{say.fields}</button>
          </div>
          {part.value && <CopyTest part={part.value} />}
        </div>
      )}
      {source.value && showsFields.value
        ? <FieldsOf {...source.value} />
        : <pre tabIndex={0}>{shown.value.slice(0, SHOWN_CHARS_MAX)}</pre>}
    </aside>
  )
}

/** Whether only fields are shown that are not as in the schema. */
const onlyOdd = signal(false)

/** Maximum number of fields drawn. */
const ROWS_MAX = 2_000
const fieldTexts = texts.fields

/** The fields of the message that an event was read from, as `livetape cat --fields` prints them. */
function FieldsOf({ event, id }: { event: Event; id: string }) {
  const found = useSignal<Found | undefined>(undefined)
  useEffect(() => {
    let isWanted = true
    found.value = undefined
    void fieldsOf(event, id).then((answer) => {
      if (isWanted) found.value = answer
    })
    return () => {
      isWanted = false
    }
  }, [event.stream, event.seq])
  const now = found.value
  return (
    <div class="fields" tabIndex={0} aria-label={texts.feed.fields} role="region" aria-busy={now === undefined}>
      {now === undefined && <p class="quiet">{fieldTexts.loading}</p>}
      {now?.reason !== undefined && <p>{now.reason}</p>}
      {now?.reason === undefined && now !== undefined && (
        <>
          <p>
            <label>
              <input type="checkbox" checked={onlyOdd.value} onChange={({ currentTarget }) => (onlyOdd.value = currentTarget.checked)} /> {fieldTexts.onlyOdd}
            </label>
          </p>
          {id === '' && <p class="quiet">{fieldTexts.withoutId}</p>}
          {now.messages.map((message, index) => <Message key={index} message={message} />)}
        </>
      )}
    </div>
  )
}

function Message({ message }: { message: Record<string, unknown> }) {
  const rows = rowsOf(message.fields, onlyOdd.value)
  return (
    <section>
      <h4>{textOf(message.method)}</h4>
      <p class="quiet">
        {fieldTexts.messageHead(number(message.bytes) ?? 0, number(message.record) ?? 0)}
        {message.history === true && <> <span class="tag">{fieldTexts.history}</span></>}
      </p>
      {message.tooLong === true && <p>{fieldTexts.tooLong}</p>}
      {onlyOdd.value && rows.length === 0 && <p>{fieldTexts.allKnown}</p>}
      <ol>{rows.slice(0, ROWS_MAX).map((row, index) => <Row key={index} row={row} />)}</ol>
      {rows.length > ROWS_MAX && <p class="quiet">{fieldTexts.more(rows.length - ROWS_MAX)}</p>}
    </section>
  )
}

function Row({ row: { depth, number, name, wire, value, note } }: { row: FieldRow }) {
  return (
    <li class={note === '' ? undefined : 'odd'} style={{ '--depth': depth }}>
      {number > 0 && <span class="quiet">{number} </span>}
      <strong>{name || '?'}</strong>
      <span class="quiet"> {wire} </span>
      <Foreign text={value} />
      {note !== '' && <span class="note"> {note}</span>}
    </li>
  )
}
