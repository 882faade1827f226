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
}

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const number = (value: unknown): number | undefined => {
  const read = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof read === 'number' && Number.isFinite(read) ? read : undefined
}

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
  return {
    type: value.type.slice(0, 64),
    username: text(value.username),
    data: gap ? value : (value.data as Fields),
    ts: text(value.ts),
    replay: value.replay === true,
    stream: text(value.stream),
    seq: number(value.seq) ?? 0,
  }
}
