/** Links to a moment of a recording: `#t=1m30s`. */

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
