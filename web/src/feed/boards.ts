/** The host's goal and the score of a battle, as the last events report them. */

import { type Event, type Fields, isFields, number, text } from './event.ts'
import { named } from './summary.ts'

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
