/** Long lists: which rows are drawn, the visible ones and some around them, and a queue with stable positions. */

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

/** A queue with stable positions: removing items from the front does not renumber the others. */
export class Ring<T> {
  #items: T[] = []
  /** Number of removed items at the front of `#items`. */
  #dead = 0
  /** Position of the first remaining item. */
  #first = 0

  get first(): number {
    return this.#first
  }

  /** Position of the next item to be pushed. */
  get end(): number {
    return this.#first + this.length
  }

  get length(): number {
    return this.#items.length - this.#dead
  }

  push(item: T): number {
    this.#items.push(item)
    return this.end - 1
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#dead]
    this.#items[this.#dead] = undefined as T
    this.#dead += 1
    this.#first += 1
    // Amortized O(1): each compaction follows at least as many shifts.
    if (this.#dead > 1024 && this.#dead * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#dead)
      this.#dead = 0
    }
    return item
  }

  /** Removes the items from a position on. */
  cut(end: number): void {
    if (end < this.end) this.#items.length = Math.max(0, end - this.#first) + this.#dead
  }

  at(position: number): T | undefined {
    return position < this.#first ? undefined : this.#items[this.#dead + position - this.#first]
  }

  slice(from: number, to: number): T[] {
    const start = Math.max(from, this.#first) - this.#first + this.#dead
    return this.#items.slice(start, Math.max(start, to - this.#first + this.#dead))
  }

  /** The lowest position for which `isBelow` is false; the ring must be sorted. */
  lowerBound(isBelow: (item: T) => boolean): number {
    let low = this.#first
    let high = this.end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBelow(this.at(middle) as T)) low = middle + 1
      else high = middle
    }
    return low
  }

  clear(): void {
    this.#first = this.end
    this.#items = []
    this.#dead = 0
  }
}
