/** What this server can do, by its own list of addresses: it may be older or newer than the page. */

import { effect, signal } from '@preact/signals'
import { askText } from './api.ts'
import { health } from './server.ts'

export const features = signal({ inject: false, recordings: false, metrics: false })

/** `GET /` without HTML is a list: `POST /inject  …`. */
export function read(addresses: string): typeof features.value {
  const has = (path: string): boolean => addresses.split('\n').some((line) => line.split(/\s+/).includes(path))
  return { inject: has('/inject'), recordings: has('/recordings'), metrics: has('/metrics') }
}

/** Asked when a server is met: the first, or another version after a restart. */
export function start(): void {
  let met = ''
  effect(() => {
    const version = health.value?.version ?? ''
    if (version === met) return
    met = version
    askText('').then(
      (addresses) => (features.value = read(addresses)),
      () => (met = ''),
    )
  })
}
