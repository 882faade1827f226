/** What this server can do, by its own list of addresses: it may be older or newer than the page. */

import { signal } from '@preact/signals'
import { askText } from './api.ts'
import { attempt } from './messages.ts'

export const features = signal({ inject: false, recordings: false, metrics: false })

/** `GET /` without HTML is a list: `POST /inject  …`. */
export function read(addresses: string): typeof features.value {
  const has = (path: string): boolean => addresses.split('\n').some((line) => line.split(/\s+/).includes(path))
  return { inject: has('/inject'), recordings: has('/recordings'), metrics: has('/metrics') }
}

export async function askFeatures(): Promise<void> {
  const addresses = await attempt(() => askText(''))
  if (addresses !== undefined) features.value = read(addresses)
}
