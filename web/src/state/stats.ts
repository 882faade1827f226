/** What the statistics show: samples of the last two minutes, one per second, what clients of the replay should have counted, and the lateness of events. */

import { computed, effect, signal } from '@preact/signals'
import { quantile } from '../lib/format.ts'
import { ask, askText } from './api.ts'
import { view } from './feed.ts'
import type { Counts, TruthAt } from './rest.ts'
import { features, health, inTurn, mode, note, replay, status } from './server.ts'

export interface Sample {
  viewers: number | undefined
  likes: number | undefined
  diamonds: number
  rate: number
}

/** Two minutes of samples. */
export const SAMPLES_MAX = 120

export const samples = signal<readonly Sample[]>([])

export const eventsOf = ({ events }: Counts): number => Object.values(events).reduce((sum, count) => sum + count, 0)

/** Diamonds so far: what clients should have counted, or what this page has. */
export const diamondsNow = (): number => truth.value?.diamonds ?? view.value?.totals.diamonds ?? 0

let before: { at: number; events: number } | undefined

/** Takes the event rate from the server’s counters: the backlog that this page reads first would distort it. */
export function takeSample(counts: Counts): void {
  const events = eventsOf(counts)
  const at = performance.now()
  // Counters that decrease belong to a new source.
  const rate = before && events >= before.events ? ((events - before.events) * 1000) / Math.max(1, at - before.at) : 0
  before = { at, events }
  const totals = view.value?.totals
  const sample: Sample = {
    viewers: totals?.viewers,
    likes: totals?.likes,
    diamonds: diamondsNow(),
    rate,
  }
  samples.value = [...samples.value, sample].slice(-SAMPLES_MAX)
}

/** What a client of the replay should have counted by now; `undefined` without a replay of this server alone: nobody counts then. */
export const truth = signal<TruthAt | undefined>(undefined)

/** Changes when the replay is moved. */
const place = computed(() => {
  const { generation, state, offsetMs } = replay.value ?? {}
  return `${generation} ${state} ${state === 'playing' ? '' : offsetMs}`
})

/** Whether the truth waits for its turn to be read. */
let isDue = false

/** Reads the truth after each answer of `/status`, and when the replay is moved. */
export function startTruth(): void {
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

/** Lateness of events, read from `/metrics` (Prometheus text format): the 99th percentile in ms; `undefined` if the server does not report it. */
export const lateness = signal<number | undefined>(undefined)

/** Reads the metrics after each answer of `/health`. */
export function startMetrics(): void {
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
