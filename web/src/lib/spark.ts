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
