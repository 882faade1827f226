/** Temporary messages, shown for eight seconds or until dismissed. */

import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type Message, SHOWN_MS, dismiss, messages } from '../state/messages.ts'
import { texts } from '../texts.ts'
import { IconButton } from './buttons.tsx'
import { Foreign, Sentence } from './foreign.tsx'

/** Whether a message would cover most of the screen. */
const narrow = matchMedia('(max-width: 699px)')
const isNarrow = signal(narrow.matches)
narrow.addEventListener('change', ({ matches }) => (isNarrow.value = matches))
const isReport = ({ kind, actions }: Message): boolean => kind === 'notice' && actions.length > 0

export function Snackbar() {
  const shown = messages.value.filter((message) => !isNarrow.value || !isReport(message))
  return (
    <div class="snackbar" role="status" aria-live="polite" aria-label={texts.errors.region}>
      {shown.map((message) => <Card key={message.id} message={message} />)}
    </div>
  )
}

/** The report of an upload on a small screen, where it appears above the list of recordings. */
export function Report() {
  if (!isNarrow.value) return null
  return <div role="status" aria-live="polite">{messages.value.filter(isReport).map((message) => <Card key={message.id} message={message} />)}</div>
}

function Card({ message: { id, kind, title, details, hint, code, stays, actions } }: { message: Message }) {
  const timer = useRef(0)
  const run = (): void => {
    clearTimeout(timer.current)
    if (!stays) timer.current = window.setTimeout(() => dismiss(id), SHOWN_MS)
  }
  const hold = (): void => clearTimeout(timer.current)
  useEffect(() => {
    run()
    return hold
  }, [])
  return (
    // The message stays while the user points at it or selects text.
    <div class={`card ${kind}`} onMouseEnter={hold} onMouseLeave={run} onFocusCapture={hold} onBlurCapture={run}>
      <div class="card-text">
        <p class="card-title">
          <Sentence text={title} />
          {code && <code><Foreign text={code} /></code>}
        </p>
        {details && <p class="card-details"><Foreign text={details} /></p>}
        {hint && <p class="card-hint"><Foreign text={hint} /></p>}
        {actions.length > 0 && (
          <p class="card-actions">
            {actions.map(({ label, run: act }) => (
              <button
                key={label}
                type="button"
                class="button small"
                onClick={() => {
                  dismiss(id)
                  act()
                }}
              >
                <Sentence text={label} />
              </button>
            ))}
          </p>
        )}
      </div>
      <IconButton icon="close" label={texts.errors.dismiss} onClick={() => dismiss(id)} />
    </div>
  )
}
