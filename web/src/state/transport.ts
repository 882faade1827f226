/** Orders to the replay. Each is answered with the state that it led to, which is shown at once. */

import { effect, signal } from '@preact/signals'
import { type Speed, nextSpeed } from '../lib/speed.ts'
import { ask } from './api.ts'
import { attempt } from './messages.ts'
import { type Replay, away, orders, replay, replayAt, setReplay } from './server.ts'

export interface Range {
  fromMs: number
  toMs: number
}

/** How long an order may take, in ms: others go first. */
const PATIENCE_MS = 15_000

/** The range that this page asked for, unless it is all; what another asked for the server does not tell. */
export const loop = signal<Range | undefined>(undefined)

/** Orders go one after the other, as they were given. */
let queue: Promise<unknown> = Promise.resolve()
let waiting = 0
/** The last step, until it is answered. */
let steps: Promise<unknown> = Promise.resolve()

/** `guess` is what it will lead to: shown at once, so that orders that follow quickly build on it. */
async function give(order: string, body: unknown, guess: Partial<Replay> = {}): Promise<boolean> {
  orders.given += 1
  waiting += 1
  if (replay.value) setReplay({ ...replay.value, offsetMs: offsetNow(), ...guess })
  const answer = queue.then(() => attempt(() => ask<Replay>(`replay/${order}`, { method: 'POST', body, patience: PATIENCE_MS })))
  queue = answer.catch(() => undefined)
  try {
    const state = await answer
    // Only the last answer tells how things are now.
    if (state && waiting === 1) setReplay(state)
    return state !== undefined
  } finally {
    waiting -= 1
    orders.given += 1
  }
}

/** Where the replay is now: between two answers it goes on by itself, as long as the server answers. */
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
export function step(): Promise<boolean> {
  const stepped = give('step', { count: 1 }, { state: 'paused' })
  steps = stepped.catch(() => undefined)
  return stepped
}
export const setSpeed = (speed: Speed): Promise<boolean> => give('speed', { speed }, { speed })
export const load = (recording: string): Promise<boolean> => {
  loop.value = undefined
  return give('load', { recording })
}

export function togglePlay(): void {
  void (replay.value?.state === 'playing' ? pause() : play())
}

export function seek(ms: number): Promise<boolean> {
  const end = replay.value?.durationMs ?? Infinity
  const offsetMs = Math.round(Math.max(0, Math.min(ms, end)))
  return give('seek', { offset: seconds(offsetMs) }, { offsetMs })
}

/** Where a step ends only the server knows: whoever goes on from there waits for its answer. */
export async function seekBy(ms: number): Promise<boolean> {
  await steps
  return seek(offsetNow() + ms)
}

export function changeSpeed(up: boolean): void {
  if (replay.value) void setSpeed(nextSpeed(replay.value.speed, up))
}

/** Whether something is played again and again: this page, another or the command line asked for it. */
export const isLooping = (): boolean => replay.value?.laps === null

/** Plays a range again and again; without a range all of it. */
export async function loopRange(range?: Range): Promise<void> {
  const body = range ? { from: seconds(range.fromMs), to: seconds(range.toMs) } : {}
  loop.value = range
  await give('loop', body, { laps: null })
}

/** Plays on to the end, once. */
export async function stopLoop(): Promise<void> {
  loop.value = undefined
  await give('loop', { laps: 1 }, { laps: 1 })
}

export const toggleLoop = (): void => void (isLooping() ? stopLoop() : loopRange())

// A loop that another page stopped is no longer shown.
effect(() => {
  if (replay.value && replay.value.laps !== null) loop.value = undefined
})
