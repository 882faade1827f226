/** Where clients are among the rows of the feed. */

import { labelOf } from './client.ts'

interface Client {
  number: number
  clientId: string
  query: string
  agent: string
  path: string
  position: number | null
  lag: number | null
}

/** Paths whose sockets read the feed that this page shows; others have a feed of their own. */
const SHARED = ['/', '/ws']

/** Returns the names of the clients whose last event is in each of these rows, which are in order; `isEnd`: whether no row follows. */
export function placesIn(rows: readonly { seq: number }[], isEnd: boolean, clients: readonly Client[]): Map<number, string[]> {
  const places = new Map<number, string[]>()
  for (const client of clients) {
    const { path, position, lag } = client
    if (position === null || !SHARED.includes(path)) continue
    // The position is up to two seconds old: a client that had every event then is not behind.
    const at = lag === 0 ? rows.length - 1 : rows.findLastIndex(({ seq }) => seq > 0 && seq <= position)
    if (at < 0 || (at === rows.length - 1 && !isEnd)) continue
    places.set(at, [...(places.get(at) ?? []), labelOf(client)])
  }
  return places
}
