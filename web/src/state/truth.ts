/** What a client of the replay should have counted by now. */

import { computed, effect, signal } from '@preact/signals'
import { ask } from './api.ts'
import { features } from './features.ts'
import type { TruthAt } from './rest.ts'
import { inTurn, mode, note, replay, status } from './server.ts'

/** `undefined` without a replay of this server alone: nobody counts then. */
export const truth = signal<TruthAt | undefined>(undefined)

/** Changes when the replay is moved. */
const place = computed(() => {
  const { generation, state, offsetMs } = replay.value ?? {}
  return `${generation} ${state} ${state === 'playing' ? '' : offsetMs}`
})

/** Whether it waits for its turn to be read. */
let isDue = false

/** Reads it after each answer of `/status`, and when the replay is moved. */
export function start(): void {
  effect(() => {
    void place.value
    if (!status.value || mode.value !== 'replay' || status.value.cluster || !features.value.truth) {
      truth.value = undefined
      return
    }
    if (isDue) return
    isDue = true
    // The replay may have been left when it is the turn of this request.
    const asked = inTurn(async () => {
      isDue = false
      truth.value = mode.peek() === 'replay' ? await ask<TruthAt>('truth') : undefined
    })
    void asked.catch(note)
  })
}
