/** Parses events without trusting their shape: a server may be older or newer than this page. */

export type Fields = Record<string, unknown>

export interface Event {
  type: string
  username: string
  data: Fields
  ts: string
  replay: boolean
  stream: string
  seq: number
  /** Number of the pass of a replay, from 1; `undefined` if the event does not say it. */
  generation?: number | undefined
}

/** The pass that an id belongs to. */
const passOf = (id: string): number | undefined => (id === '' ? undefined : (number(/~(\d+)$/.exec(id)?.[1]) ?? 1))

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const number = (value: unknown): number | undefined => {
  const read = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof read === 'number' && Number.isFinite(read) ? read : undefined
}

/** The id of an event or streak of a replay without its pass: passes after the first append `~` and their number. */
export const originOf = (id: string): string => id.replace(/~\d+$/, '')

/** Parses an event; returns `undefined` if the JSON is not one. */
export function readEvent(json: string): Event | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (!isFields(value) || typeof value.type !== 'string' || value.type === '') return undefined
  const gap = value.type === 'gap'
  if (!gap && !isFields(value.data)) return undefined
  const data = gap ? value : (value.data as Fields)
  const replay = value.replay === true
  const ofConnection = value.type === 'connection_created' ? (number(data.generation) ?? 1) : undefined
  return {
    generation: replay ? (ofConnection ?? passOf(text(value.id) || text(data.streakId))) : undefined,
    type: value.type.slice(0, 64),
    username: text(value.username),
    data,
    ts: text(value.ts),
    replay,
    stream: text(value.stream),
    seq: number(value.seq) ?? 0,
  }
}
