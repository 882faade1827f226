/** Adds the matchers to Jest's `expect`, and exports everything else. */

// So that TypeScript finds the module below.
import type {} from 'expect'

import { matchers, type LivetapeMatchers } from './matchers.js'

export * from './index.js'

declare global {
  namespace jest {
    interface Matchers<R> extends LivetapeMatchers<R> {}
  }
}

declare module 'expect' {
  interface Matchers<R extends void | Promise<void>> extends LivetapeMatchers<R> {}
}

;(globalThis as unknown as { expect: { extend(more: object): void } }).expect.extend(matchers)
