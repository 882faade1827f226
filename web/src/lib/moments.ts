/** The event nearest to a moment of a recording. */

interface Placed {
  offset: number
}

/** Of events in their order, the one nearest to an offset; the earlier one if two are as near. */
export function nearest<T extends Placed>(events: readonly T[], ms: number): T | undefined {
  const after = events.findIndex(({ offset }) => offset > ms)
  const [before, next] = after < 0 ? [events.at(-1), undefined] : [events[after - 1], events[after]]
  if (!before || !next) return before ?? next
  return ms - before.offset <= next.offset - ms ? before : next
}
