// Promises that are settled from outside, and promises that nobody has to look at.

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

/** Without `await`, the failure of this promise does not end the process. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
