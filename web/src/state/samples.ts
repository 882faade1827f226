/** Samples of the last two minutes, one per second, for the charts. */

import { signal } from '@preact/signals'
import type { Counts } from './rest.ts'
import { view } from './feed.ts'
import { truth } from './truth.ts'

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
