/** Steps of the playback speed. */

export type Speed = number | 'max'

export const SPEEDS: readonly Speed[] = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000, 'max']

const value = (speed: Speed): number => (speed === 'max' ? Infinity : speed)

/** The next step up or down; the same speed at the end of the range. */
export function nextSpeed(speed: Speed, up: boolean): Speed {
  const beyond = (step: Speed): boolean => (up ? value(step) > value(speed) : value(step) < value(speed))
  return (up ? SPEEDS.find(beyond) : SPEEDS.findLast(beyond)) ?? speed
}

/** The server's limits. */
const [SPEED_MIN, SPEED_MAX] = [0.1, 1000]
/** Speeds with a button of their own. */
export const PRESETS: readonly Speed[] = [0.5, 1, 2, 5, 20, 'max']

/** Parses `2`, `2x`, `0,5×` or `max`. Returns `undefined` for anything else and outside 0.1 to 1000. */
export function readSpeed(text: string): Speed | undefined {
  const trimmed = text.trim().toLowerCase()
  if (trimmed === 'max') return 'max'
  const written = /^(\d+(?:[.,]\d+)?)\s*[x×]?$/.exec(trimmed)?.[1]
  const speed = Number(written?.replace(',', '.'))
  return speed >= SPEED_MIN && speed <= SPEED_MAX ? speed : undefined
}
