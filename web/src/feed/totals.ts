/** Totals of the feed. */

import { type Battle, type Goal, battleOf, goalOf } from './boards.ts'
import { type Event, number, text } from './event.ts'

export interface Failure {
  code: string
  title: string
  message: string
  hint: string
  attempt: number
  retrying: boolean
  retryAfterMs: number | undefined
}

export interface Totals {
  /** `undefined` until an event reports it. */
  viewers: number | undefined
  likes: number | undefined
  diamonds: number
  gifts: number
  /** `undefined` until an event reports it, and without a battle. */
  goal: Goal | undefined
  battle: Battle | undefined
  /** Last failure of the source since it was connected. */
  failure: Failure | undefined
  /** Number of messages that were not events. */
  malformed: number
  /** Number of events known to be lost. */
  lost: number
  /** Number of interruptions that lost an unknown number of events. */
  losses: number
  stream: string
  seq: number
  /** When the source was connected, or where the last pass of the replay begins. */
  since: string
}

export const nothing = (): Totals => ({
  viewers: undefined,
  likes: undefined,
  diamonds: 0,
  gifts: 0,
  goal: undefined,
  battle: undefined,
  failure: undefined,
  malformed: 0,
  lost: 0,
  losses: 0,
  stream: '',
  seq: 0,
  since: '',
})

/** Another connection, or another pass of a replay, begins: sums over two passes mean nothing. */
export function startOver(totals: Totals, since: string): void {
  Object.assign(totals, { viewers: undefined, likes: undefined, diamonds: 0, gifts: 0, goal: undefined, battle: undefined, failure: undefined, since })
}

/** Adds an event. */
export function add(totals: Totals, event: Event, hosts: Map<string, string>): void {
  const { type, data, stream, seq, ts } = event
  if (stream !== '') totals.stream = stream
  if (seq > 0) totals.seq = seq
  switch (type) {
    case 'connection_created':
      startOver(totals, ts)
      break
    case 'room_user':
      totals.viewers = number(data.viewerCount) ?? totals.viewers
      break
    case 'like':
      // The total can decrease, because TikTok's servers disagree.
      totals.likes = Math.max(totals.likes ?? 0, number(data.totalLikeCount) ?? 0)
      break
    case 'gift':
      totals.diamonds += number(data.diamonds) ?? 0
      totals.gifts += number(data.repeatDelta) ?? 0
      break
    case 'goal':
      totals.goal = goalOf(event)
      break
    case 'battle':
    case 'battle_score':
      totals.battle = battleOf(event, totals.battle, hosts)
      break
    case 'error':
      // It is not about the room: events are missing, or a node cannot reach its cluster, which the status shows.
      if (seq === 0 || (data.attempt === 0 && data.retrying === true)) break
      totals.failure = {
        code: text(data.code),
        title: text(data.title),
        message: text(data.message),
        hint: text(data.hint),
        attempt: number(data.attempt) ?? 0,
        retrying: data.retrying === true,
        retryAfterMs: number(data.retryAfterMs),
      }
      break
    case 'gap':
      totals.lost += Math.max(0, (number(data.to) ?? 0) - (number(data.from) ?? 1) + 1)
      break
  }
}
