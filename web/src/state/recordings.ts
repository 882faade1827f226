/** Recordings on the server’s disk. */

import { computed, effect, signal } from '@preact/signals'
import { groupOf } from '../feed/protocol.ts'
import type { Timeline } from '../lib/charts.ts'
import { texts } from '../texts.ts'
import { ask, askBlob, token, url } from './api.ts'
import type { ListedRecording, RecordingDetails, Timeline as ServerTimeline } from './rest.ts'
import { attempt, notice } from './messages.ts'
import { away, features, health, mode, shownRecording } from './server.ts'

/** Requested number of timeline buckets: one for every few pixels of a wide screen. */
const BUCKETS = 480
/** Stacking order of the timeline, bottom first. */
const KINDS = ['gift', 'chat', 'like', 'member', 'social', 'viewers', 'other']
/** Timeout in ms: the server reads the whole recording to draw its timeline. */
const PATIENCE_MS = 60_000

export const recordings = signal<readonly ListedRecording[]>([])
/** Whether the list has been read. */
export const isRead = signal(false)
/** The recording that is playing, if it is in the list. */
export const playing = computed(() => recordings.value.find(({ name }) => name === shownRecording.value))
/** Timeline of the current replay. */
export const timeline = signal<Timeline | undefined>(undefined)

export const path = (name: string): string => `recordings/${encodeURIComponent(name)}`

/** Whether the list may be out of date: it could not be read, or the server was away. */
let isStale = false

export async function refresh(): Promise<void> {
  if (!features.value.recordings) return
  const list = await attempt(() => ask<{ recordings: ListedRecording[] }>('recordings'))
  if (!list) return void (isStale = true)
  recordings.value = list.recordings
  isRead.value = true
}

export const info = (name: string): Promise<RecordingDetails | undefined> =>
  attempt(() => ask<RecordingDetails>(`${path(name)}?buckets=${BUCKETS}`, { patience: PATIENCE_MS }))

export async function rename(name: string, to: string): Promise<void> {
  await attempt(() => ask(path(name), { method: 'PATCH', body: { name: to } }))
  await refresh()
}

export async function remove(name: string): Promise<void> {
  await attempt(() => ask(path(name), { method: 'DELETE' }))
  await refresh()
}

/** Downloads by link, or with `fetch` if there is a token: a token must not appear in a URL. */
export async function download(name: string): Promise<void> {
  const link = document.createElement('a')
  link.download = `${name}.bin`
  link.href = url(`${path(name)}/file`)
  if (token.value !== '') {
    const blob = await attempt(() => askBlob(`${path(name)}/file`))
    if (!blob) return
    link.href = URL.createObjectURL(blob)
    setTimeout(() => URL.revokeObjectURL(link.href), PATIENCE_MS)
  }
  link.click()
}

/** Stores a range of a recording as a new one. */
export async function cutRange(name: string, to: string, range: { fromMs: number; toMs: number }, scrub: boolean): Promise<void> {
  const body = { name: to, from: range.fromMs / 1000, to: range.toMs / 1000, scrub }
  const made = await attempt(() => ask(`${path(name)}/cut`, { method: 'POST', body, patience: PATIENCE_MS }))
  if (made) notice(texts.range.exported(to))
  await refresh()
}

/** Groups event types into the kinds that have colours. */
export function fold({ durationMs, bucketMs, types, markers, gaps }: ServerTimeline): Timeline {
  const sums = new Map(KINDS.map((kind) => [kind, [] as number[]]))
  for (const [type, counts] of Object.entries(types)) {
    const group = groupOf(type)
    const sum = sums.get(group) ?? (sums.get('other') as number[])
    counts.forEach((count, bucket) => {
      sum[bucket] = (sum[bucket] ?? 0) + count
    })
  }
  const kinds = KINDS.map((name) => ({ name, counts: Array.from(sums.get(name) ?? [], (count) => count ?? 0) }))
  return { durationMs, bucketMs, kinds, markers, gaps }
}

export function start(): void {
  effect(() => {
    if (features.value.recordings) void refresh()
  })
  let drawn = ''
  effect(() => {
    const name = playing.value?.name ?? ''
    if (name === drawn) return
    drawn = name
    timeline.value = undefined
    if (name !== '') void draw(name)
  })
  // The user may have recorded something in another window.
  addEventListener('focus', () => {
    if (features.peek().recordings && health.peek() && !away.peek()) void refresh()
  })
  // Picks up files that another page uploaded or a recorder wrote, above all the one that is played.
  let before = ''
  effect(() => {
    const next = `${mode.value} ${shownRecording.value}`
    if (next !== before) void refresh()
    before = next
  })
  effect(() => {
    isStale ||= away.value
    if (!health.value || away.value || !isStale) return
    isStale = false
    void refresh()
  })
}

async function draw(name: string): Promise<void> {
  const found = await info(name)
  if (found && shownRecording.value === name) timeline.value = fold(found.timeline)
}
