/** The timeline of a recording and its layout as bars. */

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

/** Number of buckets that each bar combines, so that it has its minimum width. */
const bucketsPerBar = ({ bucketMs, durationMs }: Timeline, width: number): number =>
  Math.max(1, Math.ceil((BAR_MIN_PX + SPACE_PX) / ((bucketMs / durationMs) * width)))

/** The range of the bar at an offset. */
export function barAt(timeline: Timeline, width: number, ms: number): { fromMs: number; toMs: number } {
  const barMs = timeline.bucketMs * bucketsPerBar(timeline, width)
  const fromMs = Math.floor(ms / barMs) * barMs
  return { fromMs, toMs: Math.min(fromMs + barMs, timeline.durationMs) }
}

/** Lays out stacked bars. Each stack combines as many buckets as its minimum width needs. */
export function bars(timeline: Timeline, width: number, height: number): Bar[] {
  const buckets = Math.max(0, ...timeline.kinds.map(({ counts }) => counts.length))
  if (buckets === 0 || width <= 0 || timeline.durationMs <= 0) return []
  const share = (timeline.bucketMs / timeline.durationMs) * width
  const together = bucketsPerBar(timeline, width)
  const stacks = Array.from({ length: Math.ceil(buckets / together) }, (_, stack) =>
    timeline.kinds.map(({ counts }) => sum(counts.slice(stack * together, (stack + 1) * together))),
  )
  const highest = Math.max(1, ...stacks.map(sum))
  return stacks.flatMap((stack, index) => {
    const x = index * together * share
    const wide = Math.max(BAR_MIN_PX, Math.min(together * share, width - x) - SPACE_PX)
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
