/** What a client is, in words that tell it from others. */

import { isolate } from './plain.ts'
import type { ConnectionView } from '../state/rest.ts'

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
