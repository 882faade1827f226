/** The server’s health, status and replay state, polled while the page is visible, and its features. */

import { computed, effect, signal } from '@preact/signals'
import { texts } from '../texts.ts'
import { Problem, ask, askText, needsToken, token } from './api.ts'
import { reconnect } from './feed.ts'
import { notice } from './messages.ts'
import type { Health, Overview, ReplayState, Status } from './rest.ts'
import { takeSample } from './stats.ts'

export const health = signal<Health | undefined>(undefined)
/** The response to connecting lacks the subscribers. */
export const status = signal<(Status & Partial<Overview>) | undefined>(undefined)
export const replay = signal<ReplayState | undefined>(undefined)
/** The recording that has the events of the replay: in a case, its show. */
export const shownRecording = computed(() => replay.value?.show ?? replay.value?.recording)
/** When `replay` was received, by this page’s clock. */
export const replayAt = signal(0)
/** Time of the next connection attempt, in ms since 1970. */
export const retryAt = signal(0)
/** Whether the last request got no response. */
export const away = signal(false)
/** Whether the token of this page allows reading only. */
export const readOnly = computed(() => health.value?.readOnly === true)
/** The clock of countdowns, in ms since 1970. */
export const now = signal(Date.now())

/** What runs on the main channel. Not that of `health`: the answer to connecting has it at once. */
export const mode = computed(() => status.value?.mode)

/** Whether a room is connected or connecting. After a room ended or failed the server is idle. */
export function isLive(): boolean {
  const state = status.value?.state
  return mode.value === 'live' && state !== 'idle' && state !== 'ended'
}

const TICK_MS = 500
/** Polling intervals, in ticks. */
const [REPLAY_TICKS, STATUS_TICKS, HEALTH_TICKS] = [1, 2, 4]
/** Polling interval of a hidden page, in ticks. */
const HIDDEN_TICKS = 20

export function setReplay(state: ReplayState | undefined): void {
  replay.value = state
  replayAt.value = performance.now()
}

/** Counts replay commands, and those without an answer: a state requested before the last command, or before its answer, is out of date. */
export const orders = { given: 0, pending: 0 }

const isCurrent = (given: number): boolean => orders.given === given && orders.pending === 0

/** Counts the states that arrived: one that was requested before the last is out of date. */
let heard = 0

/** `given`: the number of replay commands when the status was requested. */
export function setStatus(state: Status, given = orders.given): void {
  heard += 1
  status.value = state
  if (state.mode !== 'replay' && isCurrent(given)) setReplay(undefined)
  retryAt.value = state.nextRetryMs === null ? 0 : Date.now() + state.nextRetryMs
}

async function askHealth(): Promise<void> {
  const wasAway = away.value
  const told = await ask<Partial<Health>>('health')
  away.value = false
  // Without a token the server only reports that it is up.
  if (told.version === undefined) return
  if ((told.uptime ?? 0) < (health.value?.uptime ?? 0)) notice(texts.link.restarted)
  health.value = told as Health
  // The server is back: the feed need not wait for its next attempt.
  if (wasAway) reconnect()
}

async function round(tick: number): Promise<void> {
  const due = (ticks: number): boolean => tick % ticks === 0
  if (due(HEALTH_TICKS) || away.value) await askHealth()
  if (away.value) return
  if (due(STATUS_TICKS)) {
    const [{ given }, before] = [orders, heard]
    const state = await ask<Overview>('status')
    if (heard === before) setStatus(state, given)
    if (status.value) takeSample(status.value.counts)
  }
  if (due(REPLAY_TICKS) && mode.value === 'replay') {
    const { given } = orders
    const state = await ask<ReplayState>('replay')
    if (isCurrent(given)) setReplay(state)
  }
}

let turn: Promise<unknown> = Promise.resolve()

/** Polls and disconnecting take turns, so that no poll asks for a replay that is just ending. */
export function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = turn.then(work)
  turn = done.catch(() => undefined)
  return done
}

/** Polls at once, after a change. */
export async function refresh(): Promise<void> {
  await inTurn(() => round(0)).catch(note)
}

/** Makes a change before the next poll, and then polls at once. */
export async function change(request: () => Promise<void>): Promise<void> {
  await inTurn(async () => {
    await request()
    await round(0)
  }).catch(note)
}

/** Takes from a failed request that the server is away, or has no replay. */
export function note(error: unknown): void {
  if (!(error instanceof Problem)) throw error
  if (error.status === 0) away.value = true
  if (error.code === 'no_replay') setReplay(undefined)
}

export async function start(): Promise<void> {
  setInterval(() => {
    now.value = Date.now()
  }, 250)
  for (let tick = 0; ; tick += 1) {
    const isDue = !document.hidden || tick % HIDDEN_TICKS === 0
    if (isDue && !needsToken.value) await inTurn(() => round(tick)).catch(note)
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
}

token.subscribe(() => void (health.value && refresh()))

/** Features of this server, read from its list of endpoints: it may be older or newer than the page. */
export const features = signal({ inject: false, recordings: false, metrics: false, connections: false, overlays: false, mock: false, truth: false })

/** Parses the plain-text answer of `GET /`, one endpoint per line: `POST /inject  …`. */
function read(addresses: string): typeof features.value {
  const has = (path: string): boolean => addresses.split('\n').some((line) => line.split(/\s+/).includes(path))
  return {
    inject: has('/inject'),
    recordings: has('/recordings'),
    metrics: has('/metrics'),
    connections: has('/connections'),
    overlays: has('/overlays/'),
    mock: has('/mock'),
    truth: has('/truth'),
  }
}

/** Reads the features at the start and whenever the server's version changes. */
export function startFeatures(): void {
  let met = ''
  effect(() => {
    const version = health.value?.version ?? ''
    if (version === met) return
    met = version
    askText('').then(
      (addresses) => (features.value = read(addresses)),
      () => (met = ''),
    )
  })
}
