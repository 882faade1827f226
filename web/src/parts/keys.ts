/** Keyboard shortcuts, as in video players. Fields, buttons and dialogs keep their own keys. */

import { paused } from '../state/feed.ts'
import { replay } from '../state/server.ts'
import { changeSpeed, seek, seekBy, step, toggleLoop, togglePlay } from '../state/transport.ts'
import { showHelp } from './dialogs.tsx'

export const SEEK_MS = 5000
export const SEEK_FAR_MS = 30_000

const always: Record<string, () => void> = {
  '?': showHelp,
  '/': () => document.querySelector<HTMLInputElement>('#search')?.focus(),
  p: () => {
    paused.value = !paused.value
  },
}

const inReplay: Record<string, (far: boolean) => void> = {
  ' ': togglePlay,
  '.': () => void step(),
  '<': () => changeSpeed(false),
  '>': () => changeSpeed(true),
  ArrowLeft: (far) => void seekBy(far ? -SEEK_FAR_MS : -SEEK_MS),
  ArrowRight: (far) => void seekBy(far ? SEEK_FAR_MS : SEEK_MS),
  Home: () => void seek(0),
  End: () => void seek(Infinity),
  l: toggleLoop,
}

function isTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true
  const target = event.target as Element
  if (document.querySelector('dialog[open]')) return true
  if (target.closest('input, textarea, select')) return true
  return (event.key === ' ' || event.key === 'Enter') && target.closest('button, a, summary, article') !== null
}

export function listen(): void {
  addEventListener('keydown', (event) => {
    if (isTaken(event)) return
    const act = always[event.key] ?? (replay.value ? inReplay[event.key] : undefined)
    if (!act) return
    event.preventDefault()
    act(event.shiftKey)
  })
}
