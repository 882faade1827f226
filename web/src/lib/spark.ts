/** The path of a small chart. */

/** Space above and below, so that a line at the edge is seen. */
const EDGE = 2

/** The newest on the right; what is not known is a gap. Flat lines lie at the bottom, where zero is. */
export function line(
  values: readonly (number | undefined)[],
  slots: number,
  width: number,
  height: number,
): { stroke: string; fill: string } {
  const known = values.filter((value) => value !== undefined)
  const low = Math.min(...known)
  const high = Math.max(...known)
  // A quantity that hardly changes is shown by its changes; one that is near zero by its size.
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
