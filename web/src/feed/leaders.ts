/** Who gave the most diamonds since the source connected. */

export interface Leader {
  /** Key that the avatar’s colour depends on. */
  key: string
  name: string
  handle: string
  diamonds: number
}

/** Maximum number of people to remember; those with the fewest diamonds are forgotten first. */
export const PEOPLE_MAX = 5000
/** Number of people shown. */
export const SHOWN = 5

const byDiamonds = (a: Leader, b: Leader): number => b.diamonds - a.diamonds

export class Leaders {
  #people = new Map<string, Leader>()
  /** `undefined` after a change. */
  #top: Leader[] | undefined = []

  add({ key, name, handle }: Omit<Leader, 'diamonds'>, diamonds: number): void {
    if (key === '' || diamonds <= 0) return
    const before = this.#people.get(key)?.diamonds ?? 0
    this.#people.set(key, { key, name, handle, diamonds: before + diamonds })
    this.#top = undefined
    if (this.#people.size <= PEOPLE_MAX) return
    const kept = [...this.#people.values()].sort(byDiamonds).slice(0, PEOPLE_MAX / 2)
    this.#people = new Map(kept.map((leader) => [leader.key, leader]))
  }

  get top(): readonly Leader[] {
    this.#top ??= [...this.#people.values()].sort(byDiamonds).slice(0, SHOWN)
    return this.#top
  }

  clear(): void {
    this.#people.clear()
    this.#top = []
  }
}
