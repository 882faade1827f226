/** Recordings: links to a moment of them, as `#t=1m30s`, their names, and the speeds at which they are played. */

/** The built-in recording. */
export const DEMO = 'demo'

/** The moment in the fragment of a URL, as written; empty if there is none. */
export const writtenMoment = (fragment: string): string => new URLSearchParams(fragment.replace(/^#/, '')).get('t') ?? ''

/** Parses the fragment of a URL: `#t=1m30s`, `#t=90`, `#t=1:30`. Returns ms. */
export function momentOf(fragment: string): number | undefined {
  const text = writtenMoment(fragment)
  const units = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?$/.exec(text)
  const clock = /^(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)$/.exec(text)
  const [, hours = '0', minutes = '0', seconds = '0'] = clock ?? (text === '' ? undefined : units) ?? []
  if (!clock && (text === '' || !units)) return undefined
  return Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000)
}

/** Formats an offset for a link: `1h2m3s`, `1m30.5s`, `0s`. */
export function moment(ms: number): string {
  const tenths = Math.floor(ms / 100)
  const [hours, minutes, seconds] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10]
  return `${hours > 0 ? `${hours}h` : ''}${minutes > 0 ? `${minutes}m` : ''}${seconds > 0 || tenths < 600 ? `${seconds}s` : ''}`
}

/** Offset of an event in the recording being played, from its wall-clock time; `undefined` if it is not from this recording. */
export function offsetOf(time: string, started: number | undefined, durationMs: number): number | undefined {
  const offset = Date.parse(time) - (started ?? Number.NaN)
  return offset >= 0 && offset <= durationMs + 1000 ? offset : undefined
}

/** Endings of names of files. */
const ENDINGS = /\.(bin|har|zip|jsonl|ndjson|json|mitm|flows?)$/i
/** Characters that the name of a recording must not contain. */
const FORBIDDEN = /[/\\:"%\p{Cc}\p{Cf}]/gu

/** The name of the recording that a file becomes. */
export function nameOf(file: string): string {
  const plain = file.replace(/\.gz$/i, '').replace(ENDINGS, '').replaceAll(FORBIDDEN, '_').replace(/^\.+/, '')
  return plain || 'upload'
}

/** The first of `name-2`, `name-3`… that is not taken. */
export function freeName(name: string, taken: readonly string[]): string {
  for (let number = 2; ; number += 1) {
    if (!taken.includes(`${name}-${number}`)) return `${name}-${number}`
  }
}

export type Speed = number | 'max'

/** Steps of the playback speed. */
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
