/** Keyboard shortcuts, as in video players. Fields, buttons and dialogs keep their own keys. */

import { paused, view } from '../state/feed.ts'
import { readOnly, replay } from '../state/server.ts'
import { changeSpeed, cursor, markHere, seek, seekBy, seekMarker, seekTenth, step, toggleLoop, togglePlay } from '../state/transport.ts'
import { showHelp } from './dialogs.tsx'
import { opened } from './details.tsx'

export const SEEK_MS = 5000
const SEEK_FAR_MS = 30_000
/** Seeking with j and l, in ms. */
const SEEK_JL_MS = 10_000

/** Moves in the list of events, which has these keys. */
const inList = (key: string) => (): void => {
  const list = document.querySelector<HTMLElement>('.list')
  list?.focus({ preventScroll: true })
  list?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
}
const LIST_KEYS = ['ArrowUp', 'ArrowDown']

const always: Record<string, () => unknown> = {
  '?': showHelp,
  '/': () => document.querySelector<HTMLInputElement>('#search')?.focus(),
  p: () => (paused.value = !paused.value),
  // The event that a paused replay is at, or the last one.
  Enter: () => (opened.value = (cursor.value || view.value?.last)?.row.id),
  ...Object.fromEntries(LIST_KEYS.map((key) => [key, inList(key)])),
}

const inReplay: Record<string, (far: boolean) => void> = {
  ' ': togglePlay,
  k: togglePlay,
  j: () => void seekBy(-SEEK_JL_MS),
  l: () => void seekBy(SEEK_JL_MS),
  '.': () => void step(),
  ',': () => void step(-1),
  '<': () => changeSpeed(false),
  '>': () => changeSpeed(true),
  ArrowLeft: (far) => void seekBy(far ? -SEEK_FAR_MS : -SEEK_MS),
  ArrowRight: (far) => void seekBy(far ? SEEK_FAR_MS : SEEK_MS),
  Home: () => void seek(0),
  End: () => void seek(Infinity),
  r: toggleLoop,
  '[': () => markHere(false),
  ']': () => markHere(true),
  m: () => seekMarker(false),
  M: () => seekMarker(true),
  ...Object.fromEntries(Array.from({ length: 10 }, (_, tenth) => [String(tenth), () => void seekTenth(tenth)])),
}

function isTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true
  const target = event.target as Element
  if (document.querySelector('dialog[open]')) return true
  // From the search to what it has found.
  if (target.id === 'search' && event.key === 'ArrowDown') return false
  if (target.closest('input, textarea, select')) return true
  // What can be scrolled needs these keys.
  if (LIST_KEYS.includes(event.key)) return !target.matches('body, button, a, summary')
  if (event.key === ' ' && target.closest('article')) return false
  return (event.key === ' ' || event.key === 'Enter') && target.closest('button, a, summary, article') !== null
}

export function listen(): void {
  addEventListener('keydown', (event) => {
    if (isTaken(event)) return
    const act = always[event.key] ?? (replay.value && !readOnly.value ? inReplay[event.key] : undefined)
    if (!act) return
    event.preventDefault()
    act(event.shiftKey)
  })
  // After a click with a mouse, keys play and seek, as in video players. Those who use the keyboard stay where they are.
  addEventListener('click', ({ detail, target }) => {
    if (detail > 0) (target as Element).closest<HTMLElement>('.transport button')?.blur()
  })
}
