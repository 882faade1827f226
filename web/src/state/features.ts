/** Features of this server, read from its list of endpoints: it may be older or newer than the page. */

import { effect, signal } from '@preact/signals'
import { askText } from './api.ts'
import { health } from './server.ts'

export const features = signal({ inject: false, recordings: false, metrics: false, connections: false, overlays: false, mock: false, truth: false })

/** Parses the plain-text answer of `GET /`, one endpoint per line: `POST /inject  …`. */
export function read(addresses: string): typeof features.value {
  const has = (path: string): boolean => addresses.split('\n').some((line) => line.split(/\s+/).includes(path))
  return {
    inject: has('/inject'),
    recordings: has('/recordings'),
    metrics: has('/metrics'),
    connections: has('/connections'),
    overlays: has('/overlays/'),
    mock: has('/mock'),
    truth: has('/truth'),
  }
}

/** Reads the features at the start and whenever the server's version changes. */
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
