// Requests to a server.

import { LivetapeError } from './error.js'
import type { Server } from './server.js'

interface Refusal {
  error: { code: string; message: string; hint?: string }
}

/** Requests JSON. A rejection becomes a {@link LivetapeError} with the server's code, message and hint. */
export async function ask<T>(server: Server, path: string, init?: { method?: string; body?: unknown }): Promise<T> {
  const text = typeof init?.body === 'string'
  const body = init?.body === undefined || text ? (init?.body as string | undefined) : JSON.stringify(init.body)
  // Another server may have its port by now.
  server.check()
  let response: Response
  try {
    response = await fetch(server.ready.http + path, { method: init?.method ?? 'GET', ...(body === undefined ? {} : { body }) })
  } catch (cause) {
    await server.checkSoon()
    if (server.isLate((cause as Error).cause as NodeJS.ErrnoException | undefined)) return ask(server, path, init)
    throw Object.assign(server.fail('unreachable', `cannot request ${path}: ${cause}`), { cause })
  }
  const answer = await response.text()
  if (response.ok) return (/^[[{]/.test(answer) ? JSON.parse(answer) : undefined) as T
  const refusal = answer.startsWith('{') ? (JSON.parse(answer) as Partial<Refusal>).error : undefined
  throw new LivetapeError(refusal?.code ?? 'bad_request', refusal?.message ?? `${path}: ${response.status} ${answer}`, refusal?.hint)
}

export const post = <T>(server: Server, path: string, body?: unknown): Promise<T> => ask<T>(server, path, { method: 'POST', body })
