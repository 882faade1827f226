// Listeners by name. One that throws does not keep the others from being told.

type Listener = ((...args: any[]) => void) & { once?: Listener }

/** Throws where nobody catches it: in the console, or as an uncaught exception. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

export class Emitter<Events extends { [name in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<PropertyKey, Set<Listener>>()
  readonly #aliases: Partial<Record<string, string>>

  constructor(aliases: Partial<Record<string, string>> = {}) {
    this.#aliases = aliases
  }

  /** Calls `listener` each time. */
  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    const key = this.#key(name)
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener))
    return this
  }

  /** Calls `listener` the next time. */
  once<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    const wrapped: Listener = (...args: Events[Name]) => {
      this.off(name, wrapped)
      listener(...args)
    }
    wrapped.once = listener
    return this.on(name, wrapped)
  }

  /** Calls `listener` no more; without one, none of that name. */
  off<Name extends keyof Events>(name: Name, listener?: (...args: Events[Name]) => void): this {
    const listeners = this.#listeners.get(this.#key(name))
    for (const known of listeners ?? []) {
      if (!listener || known === listener || known.once === listener) listeners?.delete(known)
    }
    return this
  }

  /** Tells all listeners; whether there were any. */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const listeners = this.#listeners.get(this.#key(name))
    if (!listeners?.size) return false
    for (const listener of [...listeners]) {
      try {
        listener(...args)
      } catch (error) {
        report(error)
      }
    }
    return true
  }

  /** How many listen. */
  listenerCount(name: keyof Events): number {
    return this.#listeners.get(this.#key(name))?.size ?? 0
  }

  #key(name: keyof Events): PropertyKey {
    return this.#aliases[name as string] ?? name
  }
}
