/** Replay commands. The server answers each with the resulting state, which the page shows at once. */

import { computed, effect, signal } from '@preact/signals'
import { type Range, within, zoomed } from '../lib/charts.ts'
import { type Speed, nextSpeed } from '../lib/recording.ts'
import { texts } from '../texts.ts'
import { ask } from './api.ts'
import { played } from './case.ts'
import { paused, rewind, span, view } from './feed.ts'
import { attempt } from './messages.ts'
import { isRead, playing, timeline } from './recordings.ts'
import type { ReplayState, Status } from './rest.ts'
import { away, change, isLive, now, orders, refresh, replay, replayAt, setReplay, setStatus, status } from './server.ts'

/** Timeout of a command, in ms, including its wait behind earlier ones. */
const PATIENCE_MS = 15_000

/** Timeout of leaving a room, in ms. */
const LEAVE_PATIENCE_MS = 60_000

/** The range that repeats until somebody stops it, if it is not the whole recording. */
export const loop = computed((): Range | undefined => {
  const { laps, fromMs = 0, toMs = null, durationMs } = replay.value ?? { laps: 1, durationMs: null }
  const end = toMs ?? durationMs
  const isPart = fromMs > 0 || (end !== null && end < (durationMs ?? Infinity))
  return laps === null && end !== null && isPart ? { fromMs, toMs: end } : undefined
})

/** The part of the timeline that was selected without looping it, as a bar that was clicked. */
export const bar = signal<Range | undefined>(undefined)
/** The marked range: what loops, or what was selected. */
export const marked = computed(() => loop.value ?? bar.value)
/** Whether the list only shows the events of the marked range. */
export const narrows = signal(false)
/** The range that the timeline shows, if not all. */
export const zoom = signal<Range | undefined>(undefined)
/** The range that the timeline shows. */
export const shown = computed((): Range => zoom.value ?? { fromMs: 0, toMs: duration.value })
/** Duration of the recording, in ms. */
export const duration = computed(() => replay.value?.durationMs ?? timeline.value?.durationMs ?? 0)

/** Zooms the timeline by a factor around an offset. */
export function zoomBy(factor: number, centerMs: number): void {
  if (!timeline.value) return
  const next = zoomed(timeline.value, shown.value, factor, centerMs)
  zoom.value = next.toMs - next.fromMs < duration.value ? next : undefined
}

/** The range to show so that `range` fills half of the timeline. */
export function zoomTo(range: Range): Range | undefined {
  if (!timeline.value) return undefined
  const [length, center] = [range.toMs - range.fromMs, (range.fromMs + range.toMs) / 2]
  return zoomed(timeline.value, { fromMs: center - length, toMs: center + length }, 1, center)
}

/** Moves the part that the timeline shows. */
export function pan(ms: number): void {
  if (zoom.value) zoom.value = within({ fromMs: zoom.value.fromMs + ms, toMs: 0 }, zoom.value.toMs - zoom.value.fromMs, duration.value)
}

/** The event that a paused replay is at: the last one that it sent. */
export const cursor = computed(() => (replay.value?.state === 'playing' ? undefined : replay.value && view.value?.last))

/** Commands are sent one at a time, in order. */
let queue: Promise<unknown> = Promise.resolve()
/** The last step, until the server answers. */
let steps: Promise<unknown> = Promise.resolve()

/** Sends a command. `guess` is the expected state: the page shows it at once, and the next command builds on it. */
async function give(order: string, body: unknown, guess: Partial<ReplayState> = {}): Promise<boolean> {
  orders.given += 1
  orders.pending += 1
  if (replay.value) setReplay({ ...replay.value, offsetMs: offsetNow(), ...guess })
  const answer = queue.then(() => attempt(() => ask<ReplayState>(`replay/${order}`, { method: 'POST', body, patience: PATIENCE_MS })))
  queue = answer.catch(() => undefined)
  try {
    const state = await answer
    // Earlier answers are already out of date.
    if (state && orders.pending === 1) setReplay(state)
    return state !== undefined
  } finally {
    orders.pending -= 1
    orders.given += 1
  }
}

/** The current offset, extrapolated from the last answer while the server responds. */
export function offsetNow(): number {
  const state = replay.value
  if (!state) return 0
  const running = state.state === 'playing' && !away.value && typeof state.speed === 'number'
  const passed = running ? (performance.now() - replayAt.value) * (state.speed as number) : 0
  const offset = state.offsetMs + passed
  const end = loop.value && state.offsetMs <= loop.value.toMs ? loop.value.toMs : state.durationMs
  return end === null ? offset : Math.min(offset, Math.max(end, state.offsetMs))
}

const seconds = (ms: number): number => Math.round(ms) / 1000

export const play = (): Promise<boolean> => give('play', undefined, { state: 'playing' })
export const pause = (): Promise<boolean> => give('pause', undefined, { state: 'paused' })
/** Pauses, and plays the next event; with -1 goes back, so that the event before the last is shown again. */
export function step(count: 1 | -1 = 1): Promise<boolean> {
  const stepped = give('step', { count, unit: 'events' }, { state: 'paused' })
  steps = stepped.catch(() => undefined)
  return stepped
}
export const setSpeed = (speed: Speed): Promise<boolean> => give('speed', { speed }, { speed })

/** Plays a recording. A connected room is left first: the server plays recordings only without one. */
export async function load(recording: string): Promise<void> {
  const user = status.value?.username
  if (isLive() && user) await leave(user)
  bar.value = zoom.value = undefined
  await give('load', { recording })
  await refresh()
}

/** The recording that the user is asked about before a room is disconnected; empty if none. */
export const asked = signal('')

/** Plays a recording. While a room is connected, asks first: a room that is left may not let us in again. */
export function playOrAsk(recording: string): void {
  if (isLive()) asked.value = recording
  else void load(recording)
}

/** Disconnects a room, or ends a replay. */
export async function leave(user: string): Promise<void> {
  await change(async () => {
    const path = `connect/${encodeURIComponent(user)}`
    const state = await attempt(() => ask<Status>(path, { method: 'DELETE', patience: LEAVE_PATIENCE_MS }))
    if (state) setStatus(state)
  })
}

/** Wall-clock time at which the current recording starts, in ms since 1970. */
export const startedAt = computed(() => (playing.value?.started ? Date.parse(playing.value.started) : undefined))

/** What the page cannot show of the current replay, and why; empty if it can show everything. */
export const lacking = computed(() => {
  if (!replay.value || !isRead.value) return ''
  if (!playing.value) return texts.transport.unlisted
  return startedAt.value === undefined ? texts.transport.undated : ''
})

/** Marks a range, of which the list then shows the events. `isLooped`: the replay of all clients loops it. */
export function mark(range: Range, isLooped: boolean): void {
  bar.value = isLooped ? undefined : range
  if (isLooped) void loopRange(range)
  narrows.value = true
}

/** Marks from the playhead to the end of the marked range, or from its start to the playhead. */
export function markHere(isEnd: boolean): void {
  const [at, { fromMs, toMs }] = [Math.round(offsetNow()), marked.value ?? { fromMs: 0, toMs: duration.value }]
  const range = isEnd ? { fromMs: fromMs < at ? fromMs : 0, toMs: at } : { fromMs: at, toMs: toMs > at ? toMs : duration.value }
  if (range.toMs > range.fromMs) mark(range, loop.value !== undefined)
}

/** Distance from a marker or break at which a replay is at it, in ms. */
const MARKER_MS = 50

/** Seeks to the next or the previous marker, or break of a case. */
export function seekMarker(isBack: boolean): void {
  const at = offsetNow()
  const places = [...(timeline.value?.markers ?? []), ...(played.value?.happened ?? [])]
  const offsets = places.map(({ offsetMs }) => offsetMs).sort((a, b) => a - b)
  const to = isBack ? offsets.findLast((ms) => ms < at - MARKER_MS) : offsets.find((ms) => ms > at + MARKER_MS)
  if (to !== undefined) void seek(to)
}

/** Seeks to a tenth of the recording. */
export const seekTenth = (tenth: number): Promise<boolean> => seek(((replay.value?.durationMs ?? 0) * tenth) / 10)

export function togglePlay(): void {
  void (replay.value?.state === 'playing' ? pause() : play())
}

export function seek(ms: number): Promise<boolean> {
  const end = replay.value?.durationMs ?? Infinity
  const offsetMs = Math.round(Math.max(0, Math.min(ms, end)))
  // A replay that has ended plays on.
  return give('seek', { offset: seconds(offsetMs) }, { offsetMs, ...(replay.value?.state === 'ended' && { state: 'playing' }) })
}

/** Seeks to the point before an event of the current generation. */
export const seekEvent = (seq: number): Promise<boolean> => give('seek', { seq })

/** Seeks relative to the current offset. Waits for pending steps, as only the server knows where a step ends. */
export async function seekBy(ms: number): Promise<boolean> {
  await steps
  return seek(offsetNow() + ms)
}

export function changeSpeed(up: boolean): void {
  if (replay.value) void setSpeed(nextSpeed(replay.value.speed, up))
}

/** Whether the replay loops, whether this page, another page or the command line started the loop. */
export const isLooping = (): boolean => replay.value?.laps === null

/** Loops a range, or the whole recording. */
export async function loopRange(range?: Range): Promise<void> {
  const body = range ? { from: seconds(range.fromMs), to: seconds(range.toMs) } : {}
  await give('loop', body, { laps: null, fromMs: range?.fromMs ?? 0, toMs: range?.toMs ?? null })
}

/** Stops looping and plays to the end. */
export async function stopLoop(): Promise<void> {
  await give('loop', { laps: 1 }, { laps: 1 })
}

export const toggleLoop = (): void => void (isLooping() ? stopLoop() : loopRange())

// At its start, a recording may have no event that tells of the move. A paused list stays as it is.
effect(() => {
  const { state, generation = 1, offsetMs } = replay.value ?? {}
  if (state === 'paused' && offsetMs === 0 && startedAt.value !== undefined && !paused.peek()) rewind(generation, new Date(startedAt.value).toISOString())
})

// What is not marked cannot narrow the list, and a range that another page marks does not.
effect(() => {
  if (!marked.value) narrows.value = false
})
effect(() => {
  const [range, start] = [narrows.value ? marked.value : undefined, startedAt.value]
  const at = (ms: number): string => new Date((start ?? 0) + ms).toISOString()
  span.value = range && start !== undefined ? `${at(range.fromMs)}/${at(range.toMs)}` : ''
})

// The timeline follows the playhead out of the part that it shows, but not into another part that the user looks at.
let wasShown = false
effect(() => {
  void now.value
  const [at, range] = [offsetNow(), zoom.peek()]
  if (range && wasShown && at >= range.toMs && replay.peek()?.state === 'playing') pan(range.toMs - range.fromMs)
  const { fromMs, toMs } = shown.peek()
  wasShown = at >= fromMs && at < toMs
})
