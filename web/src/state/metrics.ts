/** How late events are, from `/metrics`: text of Prometheus. */

import { effect, signal } from '@preact/signals'
import { askText } from './api.ts'
import { features } from './features.ts'
import { health } from './server.ts'

/** The 99th percentile, in ms; `undefined` where the server does not tell. */
export const lateness = signal<number | undefined>(undefined)

/** The value of a quantile of a summary, in its unit: `name{quantile="0.99"} 0.0012`. */
export function quantile(metrics: string, name: string, of: string): number | undefined {
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(`${name}{`) || !line.includes(`quantile="${of}"`)) continue
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    return Number.isFinite(value) ? value : undefined
  }
  return undefined
}

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
