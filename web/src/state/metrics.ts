/** How late events are, from `/metrics`: text of Prometheus. */

import { effect, signal } from '@preact/signals'
import { quantile } from '../lib/format.ts'
import { askText } from './api.ts'
import { features } from './features.ts'
import { health } from './server.ts'

/** The 99th percentile, in ms; `undefined` where the server does not tell. */
export const lateness = signal<number | undefined>(undefined)

/** With each answer of `/health`, while there is one. */
export function start(): void {
  effect(() => {
    if (!health.value || !features.peek().metrics) return
    askText('metrics').then(
      (metrics) => {
        const seconds = quantile(metrics, 'livetape_replay_lateness_seconds', '0.99')
        lateness.value = seconds === undefined ? undefined : seconds * 1000
      },
      // The next answer of `/health` tells whether the server is away.
      () => undefined,
    )
  })
}
