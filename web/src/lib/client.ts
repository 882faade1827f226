/** What a client is, in words that tell it from others, and where it is among the rows of the feed. */

import type { ConnectionView } from '../state/rest.ts'
import { isolate } from './plain.ts'

type Client = Pick<ConnectionView, 'number' | 'clientId' | 'query' | 'agent'>

/** The program, by a part of its `User-Agent`; the first that fits, since browsers name each other. */
const PROGRAMS: [RegExp, string][] = [
  [/\bOBS\//, 'OBS'],
  [/\bEdg\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bFirefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
  [/^Python\//, 'Python'],
  [/^node\b/i, 'Node'],
]
/** A client id that the server made up. */
const MADE_UP = /^client_[\da-f]+$/

export function programOf({ agent }: Pick<Client, 'agent'>): string {
  return PROGRAMS.find(([pattern]) => pattern.test(agent))?.[1] ?? agent.split('/')[0] ?? ''
}

/** The name that it gave itself: overlays say which one they are, and their look. */
export function nameOf({ query, clientId }: Pick<Client, 'query' | 'clientId'>): string {
  return new URLSearchParams(query).get('name') || (MADE_UP.test(clientId) ? '' : clientId)
}

/** Its number, which no other client gets, and its name, or what it runs in. */
export function labelOf(client: Client): string {
  const name = nameOf(client) || programOf(client)
  return `#${client.number}${name && ` ${isolate(name)}`}`
}

/** Paths whose sockets read the feed that this page shows; others have a feed of their own. */
const SHARED = ['/', '/ws']

/** Returns the names of the clients whose last event is in each of these rows, which are in order; `isEnd`: whether no row follows. */
export function placesIn(rows: readonly { seq: number }[], isEnd: boolean, clients: readonly (Client & Pick<ConnectionView, 'path' | 'position' | 'lag'>)[]): Map<number, string[]> {
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

/** The clients that have not been sent everything yet, the last one first. */
export function lagging(clients: readonly (Client & Pick<ConnectionView, 'path' | 'lag'>)[]): { label: string; lag: number }[] {
  const shared = clients.filter(({ path }) => SHARED.includes(path))
  return shared.map((client) => ({ label: labelOf(client), lag: client.lag ?? 0 })).filter(({ lag }) => lag > 0).sort((a, b) => b.lag - a.lag)
}
