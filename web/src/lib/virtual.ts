/** Virtual scrolling: draws the visible rows of a long list and some around them. */

export interface Window {
  /** Index of the first row to draw. */
  first: number
  count: number
}

/** Extra rows above and below the visible ones, so that scrolling never shows blanks. */
export const OVERSCAN_ROWS = 12

export function windowOf(scrollTop: number, height: number, rowHeight: number, total: number): Window {
  if (total <= 0 || rowHeight <= 0) return { first: 0, count: 0 }
  const seen = Math.ceil(Math.max(height, 0) / rowHeight) + 1
  const top = Math.floor(Math.max(scrollTop, 0) / rowHeight)
  const first = Math.max(0, Math.min(top, total - seen) - OVERSCAN_ROWS)
  return { first, count: Math.min(total - first, seen + 2 * OVERSCAN_ROWS) }
}

/** Whether the list is scrolled to its end, within half a row: zoomed browsers scroll by fractions of pixels. */
export function isAtEnd(scrollTop: number, height: number, total: number, rowHeight: number): boolean {
  return scrollTop + height >= total * rowHeight - rowHeight / 2
}

/** The scroll position that keeps visible rows in place when rows above them are removed. */
export function scrollTopAfterDrop(scrollTop: number, dropped: number, rowHeight: number): number {
  return Math.max(0, scrollTop - dropped * rowHeight)
}

/** The nearest scroll position that makes a row visible. */
export function scrollTopToShow(row: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = row * rowHeight
  if (top < scrollTop) return top
  return Math.max(scrollTop, top + rowHeight - height)
}
