// An event emitter. A listener that throws does not stop the others.

type Listener = ((...args: any[]) => void) & { once?: Listener }

export class Emitter<Events extends { [name in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<PropertyKey, Set<Listener>>()
  readonly #aliases: Partial<Record<string, string>>

  constructor(aliases: Partial<Record<string, string>> = {}) {
    this.#aliases = aliases
  }

  /** Calls `listener` for each event of this name. */
  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    const key = this.#key(name)
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener))
    return this
  }

  /** Calls `listener` for the next event of this name. */
  once<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    const wrapped: Listener = (...args: Events[Name]) => {
      this.off(name, wrapped)
      listener(...args)
    }
    wrapped.once = listener
    return this.on(name, wrapped)
  }

  /** Removes a listener, or all listeners of a name. */
  off<Name extends keyof Events>(name: Name, listener?: (...args: Events[Name]) => void): this {
    const listeners = this.#listeners.get(this.#key(name))
    for (const known of listeners ?? []) {
      if (!listener || known === listener || known.once === listener) listeners?.delete(known)
    }
    return this
  }

  /** Calls all listeners; returns whether there were any. */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const listeners = this.#listeners.get(this.#key(name))
    if (!listeners?.size) return false
    for (const listener of [...listeners]) {
      try {
        listener(...args)
      } catch (error) {
        // Reports it as uncaught.
        queueMicrotask(() => {
          throw error
        })
      }
    }
    return true
  }

  /** Number of listeners. */
  listenerCount(name: keyof Events): number {
    return this.#listeners.get(this.#key(name))?.size ?? 0
  }

  #key(name: keyof Events): PropertyKey {
    return this.#aliases[name as string] ?? name
  }
}
