// Promises that are settled from outside, and promises that callers may ignore.

export interface Pending<T> {
  promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function pending<T>(): Pending<T> {
  const made = {} as Pending<T>
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

/** Prevents a rejection from ending the process if nobody awaits the promise. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
