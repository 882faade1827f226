// Time that fake timers of a test do not replace: what this module takes from Node when it is loaded.

import timers from 'node:timers'
import promises from 'node:timers/promises'

export const { clearTimeout, setTimeout } = timers
export const { setTimeout: sleep } = promises

/** Returns a function that says whether `ms` are over since now. */
export function deadline(ms: number): () => boolean {
  let isOver = false
  setTimeout(() => (isOver = true), ms).unref()
  return () => isOver
}
