/** The fields of the message that an event was read from, as `livetape cat --fields` prints them. */

import { signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type Event, number, text } from '../feed/event.ts'
import { type FieldRow, rowsOf } from '../lib/fields.ts'
import { type Found, fieldsOf } from '../state/fields.ts'
import { texts } from '../texts.ts'
import { Foreign } from './foreign.tsx'

/** Whether only fields are shown that are not as in the schema. */
const onlyOdd = signal(false)

/** Maximum number of fields drawn. */
const ROWS_MAX = 2_000
const say = texts.fields

export function FieldsOf({ event, id }: { event: Event; id: string }) {
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
      {now === undefined && <p class="quiet">{say.loading}</p>}
      {now?.reason !== undefined && <p>{now.reason}</p>}
      {now?.reason === undefined && now !== undefined && (
        <>
          <p>
            <label>
              <input type="checkbox" checked={onlyOdd.value} onChange={({ currentTarget }) => (onlyOdd.value = currentTarget.checked)} /> {say.onlyOdd}
            </label>
          </p>
          {id === '' && <p class="quiet">{say.withoutId}</p>}
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
      <h4>{text(message.method)}</h4>
      <p class="quiet">
        {say.messageHead(number(message.bytes) ?? 0, number(message.record) ?? 0)}
        {message.history === true && <> <span class="tag">{say.history}</span></>}
      </p>
      {message.tooLong === true && <p>{say.tooLong}</p>}
      {onlyOdd.value && rows.length === 0 && <p>{say.allKnown}</p>}
      <ol>{rows.slice(0, ROWS_MAX).map((row, index) => <Row key={index} row={row} />)}</ol>
      {rows.length > ROWS_MAX && <p class="quiet">{say.more(rows.length - ROWS_MAX)}</p>}
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
