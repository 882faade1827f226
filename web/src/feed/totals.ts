/** Totals of the feed; the host’s goal and the score of a battle, as the last events report them; and who gave the most diamonds. */

import { type Event, type Fields, isFields, number, text } from './event.ts'
import { named } from './summary.ts'

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

/** Maximum number of parts of a goal, or sides of a battle, to show. */
const LINES_MAX = 8
/** `goalType` of subscriptions. */
const SUBSCRIPTIONS = 2
/** Maximum number of hosts whose names are remembered. */
const HOSTS_MAX = 1000
/** `action` of a `battle` event. */
const [OPENED, FINISHED, CUT_SHORT] = [4, 5, 6]

export interface Goal {
  /** Written by the host; may be empty. */
  description: string
  parts: { gift: string; isSubscriptions: boolean; progress: number; target: number }[]
}

export interface Side {
  id: string
  name: string
  points: number
}

export interface Battle {
  id: string
  isOver: boolean
  sides: Side[]
}

const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields).slice(0, LINES_MAX) : [])

export const goalOf = ({ data }: Event): Goal => ({
  description: named(data.description),
  parts: list(data.subGoals).map((part) => ({
    gift: named(part.giftName),
    isSubscriptions: number(part.goalType) === SUBSCRIPTIONS,
    progress: number(part.progress) ?? 0,
    target: number(part.target) ?? 0,
  })),
})

/** Returns the score after an event, or `undefined` if the battle is only planned or called off. Scores name no hosts, who are in `hosts` by their ids, and the last comes after the end. */
export function battleOf({ type, data }: Event, last: Battle | undefined, hosts: Map<string, string>): Battle | undefined {
  const id = text(data.battleId)
  const before = last?.id === id ? last : undefined
  const action = number(data.action)
  const isScore = type === 'battle_score'
  const isOver = isScore ? before?.isOver === true : action === FINISHED || action === CUT_SHORT
  if (!isScore && !isOver && action !== OPENED) return undefined
  const sides = list(isScore ? data.teams : data.users).map((side) => {
    const host = text(side.userId) || text(side.hostUserId)
    const known = before?.sides.find((other) => other.id === host)
    const name = named(side.nickname) || named(side.uniqueId) || hosts.get(host) || ''
    if (name !== '' && hosts.size < HOSTS_MAX) hosts.set(host, name)
    return { id: host, name, points: number(side.points) ?? known?.points ?? 0 }
  })
  return { id, isOver, sides }
}

export interface Leader {
  /** Key that the avatar’s colour depends on. */
  key: string
  name: string
  handle: string
  diamonds: number
}

/** Maximum number of people to remember; those with the fewest diamonds are forgotten first. */
export const PEOPLE_MAX = 5000
/** Number of people shown. */
export const LEADERS_SHOWN = 5

const byDiamonds = (a: Leader, b: Leader): number => b.diamonds - a.diamonds

/** Who gave the most diamonds since the source connected. */
export class Leaders {
  #people = new Map<string, Leader>()
  /** `undefined` after a change. */
  #top: Leader[] | undefined = []

  add({ key, name, handle }: Omit<Leader, 'diamonds'>, diamonds: number): void {
    if (key === '' || diamonds <= 0) return
    const before = this.#people.get(key)?.diamonds ?? 0
    this.#people.set(key, { key, name, handle, diamonds: before + diamonds })
    this.#top = undefined
    if (this.#people.size <= PEOPLE_MAX) return
    const kept = [...this.#people.values()].sort(byDiamonds).slice(0, PEOPLE_MAX / 2)
    this.#people = new Map(kept.map((leader) => [leader.key, leader]))
  }

  get top(): readonly Leader[] {
    this.#top ??= [...this.#people.values()].sort(byDiamonds).slice(0, LEADERS_SHOWN)
    return this.#top
  }

  clear(): void {
    this.#people.clear()
    this.#top = []
  }
}
