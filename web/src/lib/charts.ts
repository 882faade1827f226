/** Charts: the timeline of a recording and its layout as bars, and paths of sparklines. */

export interface Timeline {
  durationMs: number
  bucketMs: number
  /** Number of events per kind and bucket. */
  kinds: { name: string; counts: readonly number[] }[]
  markers: { offsetMs: number; label: string }[]
  gaps: { fromMs: number; toMs: number }[]
}

export interface Bar {
  kind: number
  x: number
  y: number
  width: number
  height: number
}

/** The narrowest bar, in CSS pixels. */
const BAR_MIN_PX = 2
/** Space between bars, in CSS pixels. */
const SPACE_PX = 1

/** A part of a recording, in ms. */
export interface Range {
  fromMs: number
  toMs: number
}

/** The shortest range that the timeline zooms to, in buckets. */
const ZOOM_BUCKETS_MIN = 10

/** Duration of each bar, which combines as many buckets as its minimum width needs, in ms. */
const barMs = ({ bucketMs }: Timeline, width: number, { fromMs, toMs }: Range): number =>
  bucketMs * Math.max(1, Math.ceil((BAR_MIN_PX + SPACE_PX) / ((bucketMs / (toMs - fromMs)) * width)))

/** The range of the bar at an offset, while the timeline shows `shown`. */
export function barAt(timeline: Timeline, width: number, ms: number, shown: Range): Range {
  const length = barMs(timeline, width, shown)
  const fromMs = Math.floor(ms / length) * length
  return { fromMs, toMs: Math.min(fromMs + length, timeline.durationMs) }
}

/** Number of events of each kind in a range of whole buckets, without kinds that have none. */
export function countsIn({ bucketMs, kinds }: Timeline, { fromMs, toMs }: Range): { name: string; count: number }[] {
  const [from, to] = [Math.floor(fromMs / bucketMs), Math.ceil(toMs / bucketMs)]
  return kinds.map(({ name, counts }) => ({ name, count: sum(counts.slice(from, to)) })).filter(({ count }) => count > 0)
}

/** Zooms by a factor, so that `centerMs` stays where it is. */
export function zoomed({ bucketMs, durationMs }: Timeline, { fromMs, toMs }: Range, factor: number, centerMs: number): Range {
  const length = Math.min(durationMs, Math.max(bucketMs * ZOOM_BUCKETS_MIN, (toMs - fromMs) * factor))
  return within({ fromMs: centerMs - ((centerMs - fromMs) / (toMs - fromMs)) * length, toMs: 0 }, length, durationMs)
}

/** Moves a range of this length into the recording. */
export function within({ fromMs }: Range, length: number, durationMs: number): Range {
  const from = Math.max(0, Math.min(fromMs, durationMs - length))
  return { fromMs: from, toMs: from + length }
}

/** Lays out stacked bars of the range that the timeline shows. */
export function bars(timeline: Timeline, width: number, height: number, shown: Range): Bar[] {
  const length = barMs(timeline, width, shown)
  if (width <= 0 || !(shown.toMs > shown.fromMs)) return []
  const [first, end] = [Math.floor(shown.fromMs / length), Math.ceil(Math.min(shown.toMs, timeline.durationMs) / length)]
  const together = length / timeline.bucketMs
  const stacks = Array.from({ length: Math.max(0, end - first) }, (_, index) =>
    timeline.kinds.map(({ counts }) => sum(counts.slice((first + index) * together, (first + index + 1) * together))),
  )
  const highest = Math.max(1, ...stacks.map(sum))
  const scale = width / (shown.toMs - shown.fromMs)
  return stacks.flatMap((stack, index) => {
    const x = ((first + index) * length - shown.fromMs) * scale
    const wide = Math.max(BAR_MIN_PX, Math.min(length * scale, width - x) - SPACE_PX)
    // Square root scale: a single burst must not flatten all other bars.
    const total = sum(stack)
    const full = Math.sqrt(total / highest) * height
    let y = height
    return stack.flatMap((count, kind) => {
      if (count === 0) return []
      const high = (count / total) * full
      y -= high
      return [{ kind, x, y, width: wide, height: high }]
    })
  })
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0)

/** SVG paths of a sparkline. */

/** Space above and below, which keeps a line at the edge visible. */
const EDGE = 2

/** Draws the newest value on the right and leaves gaps for unknown ones. A constant zero lies at the bottom. */
export function line(
  values: readonly (number | undefined)[],
  slots: number,
  width: number,
  height: number,
): { stroke: string; fill: string } {
  const known = values.filter((value) => value !== undefined)
  const low = Math.min(...known)
  const high = Math.max(...known)
  // Values that vary little use the full height; others start at zero.
  const base = low > high / 2 ? low : 0
  const span = Math.max(high - base, 1e-9)
  const start = slots - values.length
  const x = (index: number): string => (((start + index) / Math.max(1, slots - 1)) * width).toFixed(1)
  const y = (value: number): string => (height - EDGE - ((value - base) / span) * (height - 2 * EDGE)).toFixed(1)
  let stroke = ''
  let fill = ''
  let run: number | undefined
  values.forEach((value, index) => {
    if (value === undefined) {
      if (run !== undefined) fill += `L${x(index - 1)},${height}Z`
      run = undefined
      return
    }
    stroke += `${run === undefined ? 'M' : 'L'}${x(index)},${y(value)}`
    fill += run === undefined ? `M${x(index)},${height}L${x(index)},${y(value)}` : `L${x(index)},${y(value)}`
    run = index
  })
  if (run !== undefined) fill += `L${x(run)},${height}Z`
  return { stroke, fill }
}
