/** Lateness of events, read from `/metrics` (Prometheus text format). */

import { effect, signal } from '@preact/signals'
import { quantile } from '../lib/format.ts'
import { askText } from './api.ts'
import { features } from './features.ts'
import { health } from './server.ts'

/** 99th percentile in ms; `undefined` if the server does not report it. */
export const lateness = signal<number | undefined>(undefined)

/** Reads the metrics after each answer of `/health`. */
export function start(): void {
  effect(() => {
    if (!health.value || !features.peek().metrics) return
    askText('metrics').then(
      (metrics) => {
        const seconds = quantile(metrics, 'livetape_replay_lateness_seconds', '0.99')
        lateness.value = seconds === undefined ? undefined : seconds * 1000
      },
      // The next request to `/health` finds out whether the server is away.
      () => undefined,
    )
  })
}
