/** Clients of this server. */

import { computed, effect, signal } from '@preact/signals'
import { labelOf } from '../lib/client.ts'
import { texts } from '../texts.ts'
import { ask } from './api.ts'
import { attempt, notice } from './messages.ts'
import type { ConnectionView, LeftView } from './rest.ts'
import { features, health, status } from './server.ts'

/** Maximum number of clients to list; the server returns all of them at once. */
export const CLIENTS_MAX = 200

export const clients = signal<readonly ConnectionView[]>([])
/** Listed clients that are not dashboards or other observers. */
export const readers = computed(() => clients.value.filter(({ observer }) => !observer))
/** Clients that have left: the last ones of the server's list. */
const left = signal<readonly LeftView[]>([])

/** A client that connected, or left. */
export interface Entry {
  time: string
  client: ConnectionView
  /** `undefined` if it connected. */
  end: LeftView | undefined
}

/** What clients did, newest first. A client that connects again is another one with the same name. */
export const history = computed((): Entry[] => {
  const gone = left.value.filter(({ observer }) => !observer)
  const came = [...gone, ...readers.value].map((client) => ({ time: client.createdAt, client, end: undefined }))
  const went = gone.map((end) => ({ time: end.leftAt, client: end, end }))
  return [...came, ...went].sort((a, b) => b.time.localeCompare(a.time))
})

/** Number of clients that read the feed over HTTP: the server counts them, but lists only sockets. */
export const streams = signal(0)
/** The number of clients, wherever the page shows one: all that read the feed, and those on `/ws` that do not. Only the former if there are too many to list. */
export const clientCount = computed(() => (isListed.value ? readers.value.length + streams.value : (health.value?.clients ?? 0)))
export const isListed = signal(true)
/** The difference at the previous poll. */
let unlisted = 0

async function refresh(): Promise<void> {
  const open = (status.peek()?.clients ?? 0) + (status.peek()?.observers ?? 0)
  isListed.value = features.peek().connections && open <= CLIENTS_MAX
  const listed = isListed.value ? await ask<{ connections: ConnectionView[]; left?: LeftView[] }>('connections') : { connections: [] }
  clients.value = listed.connections
  left.value = listed.left ?? []
  const reading = readers.value.filter(({ position }) => position !== null).length
  const more = isListed.value ? Math.max(0, (health.peek()?.clients ?? 0) - reading) : 0
  // A client that came or left between the two requests is not one that reads over HTTP.
  streams.value = Math.min(unlisted, more)
  unlisted = more
}

/** Reads them after each answer of `/health`. */
export function start(): void {
  effect(() => {
    // The next request to `/health` finds out whether the server is away.
    if (health.value) void refresh().catch(() => undefined)
  })
}

/** Time after a click in which the list changes and no button disconnects another client, in ms. */
const CLOSING_MS = 1000
export const closing = signal(false)

/** After this close code, clients connect again; after the default, they would stop for good. */
const GOING_AWAY = 1001

/** Disconnects a client, and says so. */
export async function close(client: ConnectionView): Promise<void> {
  const { id } = client
  const body = { code: GOING_AWAY, reason: 'disconnected in the dashboard' }
  closing.value = true
  const closed = await attempt(() => ask(`connections/${encodeURIComponent(id)}/close`, { method: 'POST', body }))
  if (closed) notice(texts.connect.disconnected(labelOf(client)))
  clients.value = clients.value.filter((other) => other.id !== id)
  setTimeout(() => (closing.value = false), CLOSING_MS)
}
