/** The case that is played: what is right in it, and what has happened. */

import { useEffect, useRef } from 'preact/hooks'
import { offsetTime } from '../lib/format.ts'
import { plain } from '../lib/plain.ts'
import { played } from '../state/case.ts'
import { readOnly } from '../state/server.ts'
import { seek } from '../state/transport.ts'
import { texts } from '../texts.ts'

const say = texts.case

/** A sentence of the table of cases, with code in backticks. */
function Marked({ text }: { text: string }) {
  return <>{plain(text).split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>
}

export function Case({ name }: { name: string }) {
  const list = useRef<HTMLOListElement>(null)
  const shown = played.value
  const happened = shown?.happened ?? []
  useEffect(() => list.current?.scrollTo(0, list.current.scrollHeight), [happened.length])
  return (
    <div class="case">
      <p><strong>{say.name(name)}</strong>{shown && <>: <Marked text={shown.what} />. {say.right} <Marked text={shown.right} />.</>}</p>
      {happened.length > 0 && (
        <ol ref={list} class="happened-list" tabIndex={0} aria-label={say.happened} aria-live="polite">
          {happened.map(({ offsetMs, text }, index) => (
            <li key={index}>
              <button type="button" class="link" title={texts.range.goTo} disabled={readOnly.value} onClick={() => void seek(offsetMs)}><time>{offsetTime(offsetMs, true)}</time></button>
              <span>{plain(text)}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  )
}
