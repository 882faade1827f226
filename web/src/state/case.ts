/** The case of `livetape test` that is played, and what has happened in it. */

import { effect, signal } from '@preact/signals'
import { ask } from './api.ts'
import type { PlayedCase } from './rest.ts'
import { replay } from './server.ts'

export const played = signal<PlayedCase | undefined>(undefined)

/** Reads it when it begins, and whenever something has happened in it. */
export function start(): void {
  let known = ''
  effect(() => {
    const { case: name, happened } = replay.value ?? {}
    // Older servers do not count.
    const next = name === undefined || happened === undefined ? '' : `${happened} ${name}`
    if (next === known) return
    known = next
    if (next === '') return void (played.value = undefined)
    ask<PlayedCase>('replay/case').then(
      (found) => {
        if (known === next) played.value = found
      },
      () => {
        // The next state of the replay asks again.
        if (known === next) known = ''
      },
    )
  })
}
