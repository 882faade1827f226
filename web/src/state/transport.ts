/** Orders to the replay. Each is answered with the state that it led to, which is shown at once. */

import { signal } from '@preact/signals'
import { type Speed, nextSpeed } from '../lib/speed.ts'
import { ask } from './api.ts'
import { attempt } from './messages.ts'
import { type Replay, replay, replayAt, setReplay } from './server.ts'

export interface Range {
  fromMs: number
  toMs: number
}

/** The range that this page asked for; what another asked for the server does not tell. */
export const loop = signal<Range | undefined>(undefined)

async function give(order: string, body?: unknown): Promise<boolean> {
  const state = await attempt(() => ask<Replay>(`replay/${order}`, { method: 'POST', body, patience: 15_000 }))
  if (state) setReplay(state)
  return state !== undefined
}

/** Where the replay is now: between two answers it goes on by itself. */
export function offsetNow(): number {
  const state = replay.value
  if (!state) return 0
  const running = state.state === 'playing' && typeof state.speed === 'number'
  const passed = running ? (performance.now() - replayAt.value) * (state.speed as number) : 0
  const offset = state.offsetMs + passed
  const end = loop.value && state.offsetMs <= loop.value.toMs ? loop.value.toMs : state.durationMs
  return end === null ? offset : Math.min(offset, Math.max(end, state.offsetMs))
}

const seconds = (ms: number): number => Math.round(ms) / 1000

export const play = (): Promise<boolean> => give('play')
export const pause = (): Promise<boolean> => give('pause')
export const step = (): Promise<boolean> => give('step', { count: 1 })
export const setSpeed = (speed: Speed): Promise<boolean> => give('speed', { speed })
export const load = (recording: string): Promise<boolean> => {
  loop.value = undefined
  return give('load', { recording })
}

export function togglePlay(): void {
  void (replay.value?.state === 'playing' ? pause() : play())
}

export function seek(ms: number): Promise<boolean> {
  const end = replay.value?.durationMs ?? Infinity
  return give('seek', { offset: seconds(Math.max(0, Math.min(ms, end))) })
}

export const seekBy = (ms: number): Promise<boolean> => seek(offsetNow() + ms)

export function changeSpeed(up: boolean): void {
  if (replay.value) void setSpeed(nextSpeed(replay.value.speed, up))
}

/** Plays a range again and again; without a range all of it. */
export async function loopRange(range?: Range): Promise<void> {
  const body = range ? { from: seconds(range.fromMs), to: seconds(range.toMs) } : {}
  if (await give('loop', body)) loop.value = range ?? { fromMs: 0, toMs: replay.value?.durationMs ?? 0 }
}

/** Plays on to the end, once. */
export async function stopLoop(): Promise<void> {
  if (await give('loop', { laps: 1 })) loop.value = undefined
}
