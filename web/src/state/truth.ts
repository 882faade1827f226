/** What a client of the replay should have counted by now. */

import { computed, effect, signal } from '@preact/signals'
import { ask } from './api.ts'
import { features } from './features.ts'
import type { TruthAt } from './rest.ts'
import { mode, replay, status } from './server.ts'

/** `undefined` without a replay of this server alone: nobody counts then. */
export const truth = signal<TruthAt | undefined>(undefined)

/** Changes when the replay is moved. */
const place = computed(() => {
  const { generation, state, offsetMs } = replay.value ?? {}
  return `${generation} ${state} ${state === 'playing' ? '' : offsetMs}`
})

/** Reads it after each answer of `/status`, and when the replay is moved. */
export function start(): void {
  effect(() => {
    void place.value
    if (!status.value || mode.value !== 'replay' || status.value.cluster || !features.value.truth) {
      truth.value = undefined
      return
    }
    ask<TruthAt>('truth').then(
      (told) => (truth.value = mode.peek() === 'replay' ? told : undefined),
      // The next request to `/health` finds out whether the server is away.
      () => undefined,
    )
  })
}
