/** Adds the matchers to Jest's `expect`, and exports everything else. */

import { matchers, type LivetapeMatchers } from './matchers.js'

export * from './index.js'

declare global {
  namespace jest {
    interface Matchers<R> extends LivetapeMatchers<R> {}
  }
}

;(globalThis as unknown as { expect: { extend(more: object): void } }).expect.extend(matchers)
