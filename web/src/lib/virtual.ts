/** Which rows of a long list are drawn: those that are seen, and some around them. */

export interface Window {
  /** The first row that is drawn, counted from the top of the list. */
  first: number
  count: number
}

/** Rows beyond the edges, so that a scroll shows something at once. */
export const OVERSCAN_ROWS = 12

export function windowOf(scrollTop: number, height: number, rowHeight: number, total: number): Window {
  if (total <= 0 || rowHeight <= 0) return { first: 0, count: 0 }
  const seen = Math.ceil(Math.max(height, 0) / rowHeight) + 1
  const top = Math.floor(Math.max(scrollTop, 0) / rowHeight)
  const first = Math.max(0, Math.min(top, total - seen) - OVERSCAN_ROWS)
  return { first, count: Math.min(total - first, seen + 2 * OVERSCAN_ROWS) }
}

/** Whether the end of the list is in sight. Zoomed browsers scroll by fractions: a few pixels are forgiven. */
export function isAtEnd(scrollTop: number, height: number, total: number, rowHeight: number): boolean {
  return scrollTop + height >= total * rowHeight - rowHeight / 2
}

/** Where to scroll so that what is seen stands still while rows in front are dropped. */
export function scrollTopAfterDrop(scrollTop: number, dropped: number, rowHeight: number): number {
  return Math.max(0, scrollTop - dropped * rowHeight)
}

/** Where to scroll so that a row is seen, moving as little as can be. */
export function scrollTopToShow(row: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = row * rowHeight
  if (top < scrollTop) return top
  return Math.max(scrollTop, top + rowHeight - height)
}
