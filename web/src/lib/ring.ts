/** A queue with positions that never change: what is dropped in front does not move what is behind it. */
export class Ring<T> {
  #items: T[] = []
  /** How many items at the front of `#items` are dropped already. */
  #dead = 0
  /** The position of the first item that is left. */
  #first = 0

  get first(): number {
    return this.#first
  }

  /** The position that the next item gets. */
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
    // Moved once for as many as were dropped: constant on average.
    if (this.#dead > 1024 && this.#dead * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#dead)
      this.#dead = 0
    }
    return item
  }

  at(position: number): T | undefined {
    return position < this.#first ? undefined : this.#items[this.#dead + position - this.#first]
  }

  slice(from: number, to: number): T[] {
    const start = Math.max(from, this.#first) - this.#first + this.#dead
    return this.#items.slice(start, Math.max(start, to - this.#first + this.#dead))
  }

  /** The lowest position whose item is not below, in a ring that is sorted. */
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
