/** Sizes of panes that the user has changed: their limits, and how they are stored. */

/** Limits of a size, in CSS pixels. */
interface Pane {
  min: number
  max: number
  /** Whether dragging changes its width; otherwise its height. */
  isWide: boolean
  /** Whether it lies before its separator: left of it, or above it. */
  isBefore: boolean
}

export const PANES = {
  side: { min: 260, max: 960, isWide: true, isBefore: false },
  details: { min: 240, max: 900, isWide: true, isBefore: false },
  timeline: { min: 40, max: 240, isWide: false, isBefore: true },
} as const satisfies Record<string, Pane>

export type PaneName = keyof typeof PANES
export type Sizes = Partial<Record<PaneName, number>>

export const PANE_NAMES = Object.keys(PANES) as PaneName[]

/** Maximum length of what is stored, in characters. */
const STORED_CHARS_MAX = 200
/** By how much a key moves a separator, in CSS pixels. */
const STEP_PX = 16

export const clamped = (name: PaneName, size: number): number => Math.round(Math.max(PANES[name].min, Math.min(PANES[name].max, size)))

/** Reads what was stored. Whatever is not a size of a pane is ignored. */
export function readSizes(stored: string | null): Sizes {
  if (stored === null || stored.length > STORED_CHARS_MAX) return {}
  let read: unknown
  try {
    read = JSON.parse(stored)
  } catch {
    return {}
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) return {}
  const sizes = read as Record<string, unknown>
  return Object.fromEntries(PANE_NAMES.flatMap((name) => {
    const size = Object.hasOwn(sizes, name) ? sizes[name] : undefined
    return typeof size === 'number' && Number.isFinite(size) ? [[name, clamped(name, size)]] : []
  }))
}

/** The size after a drag by this many pixels to the right or down. */
export const dragged = (name: PaneName, size: number, by: number): number => clamped(name, size + (PANES[name].isBefore ? by : -by))

/** The size after a key; `undefined` for keys that do not move a separator. */
export function sizeAfter(name: PaneName, size: number, key: string): number | undefined {
  const { min, max, isWide } = PANES[name]
  if (key === 'Home') return min
  if (key === 'End') return max
  const [back, on] = isWide ? ['ArrowLeft', 'ArrowRight'] : ['ArrowUp', 'ArrowDown']
  return key === back ? dragged(name, size, -STEP_PX) : key === on ? dragged(name, size, STEP_PX) : undefined
}
