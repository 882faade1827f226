/** Formats times and numbers for people. */

const pad = (number: number, digits = 2): string => String(number).padStart(digits, '0')

/** Local time of day, with milliseconds: `15:56:34.436`. */
export function clockTime(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return ''
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`
}

/** An offset in a recording: `6:42`, `1:02:03`; with tenths `6:42.4`. */
export function offsetTime(ms: number, tenths = false): string {
  const all = Math.max(0, Math.floor(ms / 100))
  const [hours, minutes, seconds] = [Math.floor(all / 36_000), Math.floor(all / 600) % 60, Math.floor(all / 10) % 60]
  const front = hours > 0 ? `${hours}:${pad(minutes)}` : String(minutes)
  return `${front}:${pad(seconds)}${tenths ? `.${all % 10}` : ''}`
}

/** A duration: `850 ms`, `12 s`, `3 min 5 s`, `2 h 4 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const two = (large: number, unit: string, small: number, below: string): string =>
    small > 0 ? `${large} ${unit} ${small} ${below}` : `${large} ${unit}`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return two(minutes, 'min', seconds % 60, 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return two(hours, 'h', minutes % 60, 'min')
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

/** Remaining seconds, rounded up: `7 s`, `1:05`. */
export function countdown(ms: number): string {
  const seconds = Math.ceil(Math.max(0, ms) / 1000)
  return seconds < 60 ? `${seconds} s` : offsetTime(seconds * 1000)
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

export function bytes(count: number): string {
  let unit = 0
  let value = Math.max(0, count)
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `361,971` */
export const grouped = (number: number): string => GROUPED.format(number)

const SHORT = ['M', 'B', 'T']

/** `361,971`, `3.62M`: at most seven characters. */
export function compact(number: number): string {
  if (number < 1_000_000) return grouped(number)
  if (number >= 999.5e12) return number.toExponential(1).replace('+', '')
  let value = number / 1e6
  let unit = 0
  for (; value >= 999.5; unit += 1) value /= 1000
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)}${SHORT[unit]}`
}

/** Reads a quantile from Prometheus text format: `name{quantile="0.99"} 0.0012`. */
export function quantile(metrics: string, name: string, of: string): number | undefined {
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(`${name}{`) || !line.includes(`quantile="${of}"`)) continue
    const value = Number(line.slice(line.lastIndexOf(' ') + 1))
    return Number.isFinite(value) ? value : undefined
  }
  return undefined
}

/** A rate: `0`, `0.4`, `12`, `1,234`. */
export const rate = (number: number): string => (number > 0 && number < 9.95 ? number.toFixed(1) : grouped(number))

/** A playback speed: `0.1×`, `1000×`, `max`. */
export const speedText = (speed: number | string): string => (typeof speed === 'number' ? `${speed}×` : speed)
