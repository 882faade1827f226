/** Clients of this server, and origins whose pages it rejected. */

import { effect, signal } from '@preact/signals'
import { ask } from './api.ts'
import { features } from './features.ts'
import { attempt } from './messages.ts'
import type { ConnectionView, RefusedOrigin } from './rest.ts'
import { health, status } from './server.ts'

/** Maximum number of clients to list; the server returns all of them at once. */
export const CLIENTS_MAX = 200

export const clients = signal<readonly ConnectionView[]>([])
export const refused = signal<readonly RefusedOrigin[]>([])

async function refresh(): Promise<void> {
  const open = (status.peek()?.clients ?? 0) + (status.peek()?.observers ?? 0)
  if (features.peek().connections && open <= CLIENTS_MAX) {
    const list = await ask<{ connections: ConnectionView[] }>('connections')
    clients.value = list.connections
  }
  if (features.peek().origins) refused.value = (await ask<{ refused: RefusedOrigin[] }>('origins')).refused
}

/** Reads both after each answer of `/health`. */
export function start(): void {
  effect(() => {
    // The next request to `/health` finds out whether the server is away.
    if (health.value) void refresh().catch(() => undefined)
  })
}

export async function close({ id }: ConnectionView): Promise<void> {
  await attempt(() => ask(`connections/${encodeURIComponent(id)}/close`, { method: 'POST', body: {} }))
  clients.value = clients.value.filter((client) => client.id !== id)
}

/** Allows the pages of an origin until the server stops. */
export async function allow({ origin, setting }: RefusedOrigin): Promise<void> {
  await change('origins', { method: 'POST', body: { origin, setting } })
}

/** Removes an origin from the list; it stays rejected. */
export async function forget({ origin }: RefusedOrigin): Promise<void> {
  await change(`origins?origin=${encodeURIComponent(origin)}`, { method: 'DELETE' })
}

async function change(path: string, request: Parameters<typeof ask>[1]): Promise<void> {
  const lists = await attempt(() => ask<{ refused: RefusedOrigin[] }>(path, request))
  if (lists) refused.value = lists.refused
}
