/** Dialogs, built on the browser’s `<dialog>`, which traps the focus and closes with escape. */

import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { changesToken, needsToken, setToken, token } from '../state/api.ts'
import { texts } from '../texts.ts'
import { submits } from './buttons.tsx'

interface Props {
  title: ComponentChildren
  onClose: () => void
  /** Whether escape does not close the dialog. */
  stays?: boolean
  children: ComponentChildren
}

export function Dialog({ title, onClose, stays = false, children }: Props) {
  const element = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const opener = document.activeElement
    element.current?.showModal()
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      class="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        if (stays) event.preventDefault()
      }}
      onClose={onClose}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}

const helping = signal(false)
export const showHelp = (): unknown => (helping.value = true)

export function Help() {
  if (!helping.value) return null
  const close = (): unknown => (helping.value = false)
  return (
    <Dialog title={texts.help.title} onClose={close}>
      <dl class="keys">
        {texts.help.keys.map(([keys = '', what]) => (
          <div key={keys}>
            <dt>{keys.split(' ').map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog" class="actions">
        <button type="button" class="button" onClick={close}>{texts.help.close}</button>
      </form>
    </Dialog>
  )
}

export function Token() {
  const field = useRef<HTMLInputElement>(null)
  const isNeeded = needsToken.value
  if (!isNeeded && !changesToken.value) return null
  return (
    <Dialog title={isNeeded ? texts.token.title : texts.token.other} onClose={() => (changesToken.value = false)} stays={isNeeded}>
      <form onSubmit={submits(() => setToken((field.current?.value.trim() ?? '').replace(/^read:/, '')))}>
        <p>{isNeeded && token.value !== '' ? texts.token.wrong : texts.token.details} {texts.token.where}</p>
        <label class="field">
          <span>{texts.token.label}</span>
          <input ref={field} type="password" autocomplete="off" required />
        </label>
        <div class="actions">
          <button type="submit" class="button primary">{texts.token.use}</button>
        </div>
      </form>
    </Dialog>
  )
}

interface ConfirmProps {
  title: ComponentChildren
  details: ComponentChildren
  yes: string
  onYes: () => void
  onNo: () => void
}

export function Confirm({ title, details, yes, onYes, onNo }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onNo}>
      <p>{details}</p>
      <div class="actions">
        <button type="button" class="button" onClick={onNo}>{texts.recordings.cancel}</button>
        <button type="button" class="button danger" onClick={onYes}>{yes}</button>
      </div>
    </Dialog>
  )
}
