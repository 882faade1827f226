/** Buttons with an icon, lists of facts, and forms that the page itself handles. */

import type { ComponentChildren } from 'preact'
import { copy } from '../state/messages.ts'
import { Icon, type IconName } from './icons.tsx'

interface Props {
  icon: IconName
  label: string
  class?: string
  pressed?: boolean
  disabled?: boolean
  onClick: () => void
}

/** A button that shows only an icon. */
export const IconButton = ({ icon, label, class: more = '', pressed, disabled, onClick }: Props) => (
  <button type="button" class={`icon-button ${more}`} aria-label={label} title={label} aria-pressed={pressed} disabled={disabled} onClick={onClick}>
    <Icon name={icon} />
  </button>
)

/** A button that copies a text, or does something else to copy; `what` is the name of the text. */
export const CopyButton = ({ label, onClick }: { label: string; onClick: () => Promise<void> }) => (
  <button type="button" class="button small" onClick={() => void onClick()}>
    <Icon name="copy" />
    {label}
  </button>
)

/** An address with a button that copies it. */
export const Address = ({ address, name, label }: { address: string; name: string; label: string }) => (
  <span class="address">
    <code>{address}</code>
    <CopyButton label={label} onClick={() => copy(address, name)} />
  </span>
)

/** Names and values, of which empty ones are left out. */
export const Facts = ({ class: more = '', facts }: { class?: string; facts: readonly (readonly [name: string, value: ComponentChildren])[] }) => (
  <dl class={`facts-list ${more}`}>
    {facts.filter(([, value]) => value !== '').map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
)

/** Handles the submission of a form. */
export const submits = (act: () => void) => (event: Event): void => {
  event.preventDefault()
  act()
}
