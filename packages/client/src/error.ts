// Errors with a stable code and a hint, and the reasons for which a server refuses a connection. Browsers hide the response to a refused
// WebSocket.

import { CLOSE } from './resume.js'

/** Details of a failure. */
export interface Details {
  /** Advice on what to do. */
  hint?: string
  /** Headline for people. */
  title?: string
  /** Close code, if the failure closed a socket. */
  closeCode?: number
  /** Whether the server is retrying. */
  retrying?: boolean
  /** Time until the server retries, in ms. */
  retryAfterMs?: number | null
  /** The room concerned. */
  roomId?: string
  /** The error behind this one. */
  cause?: unknown
}

/** A failure. `code` is one of the server's, or `not_connected`, `connection_failed`, `no_websocket`, `timeout`, `gave_up`, `closed`, `buffer_full`, `bad_address`. */
export class ClientError extends Error {
  static {
    // Node prints the name of the class, which the build shortens.
    Object.defineProperty(this, 'name', { value: 'ClientError' })
  }

  override readonly name = 'ClientError'
  declare readonly hint?: string
  declare readonly title?: string
  declare readonly closeCode?: number
  declare readonly retrying?: boolean
  declare readonly retryAfterMs?: number | null
  declare readonly roomId?: string

  constructor(
    readonly code: string,
    message: string,
    details: Details = {},
  ) {
    super(message)
    Object.assign(this, details)
  }
}

/** Statuses of refusals that another attempt cannot change. */
const FINAL: readonly number[] = [401, 403, 404]
/** The origin of this page; `null` for pages from disk, `undefined` outside of pages. */
const origin = (): string | undefined => (globalThis as { origin?: string }).origin

/**
 * Requests the address of a WebSocket over HTTP, and returns the server's reason to refuse it, if there is one and it is final. Resolves to
 * `undefined` if the server cannot be reached, or hides its response from this page.
 */
export async function refusalOf(url: string | URL, token?: string, timeoutMs = 10_000): Promise<ClientError | undefined> {
  const { fetch, AbortSignal } = globalThis
  if (!fetch || !AbortSignal?.timeout) return undefined
  const asked = new URL(url)
  token ??= asked.searchParams.get('token') ?? ''
  asked.protocol = asked.protocol.replace('ws', 'http')
  asked.search = ''
  // At `/` is a page, which needs no token. No client waits for an observer.
  const isFeed = asked.pathname === '/'
  if (isFeed) asked.href = `${asked.origin}/events?observer=1`
  // A page from disk may not send headers.
  const headers = new Headers()
  if (token && origin() === 'null') asked.searchParams.set('token', token)
  else if (token) headers.set('authorization', `Bearer ${token}`)
  try {
    const response = await fetch(asked, { headers, cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) })
    if (!FINAL.includes(response.status) || (isFeed && response.status === 404)) return void response.body?.cancel()
    // A proxy in between need not send JSON.
    const { error = {} } = await response.json().catch(() => ({}))
    return new ClientError(error.code ?? 'refused', error.message ?? `refused with status ${response.status}`, { hint: hintOf(response.status, new URL(url), error.hint), closeCode: CLOSE.LOST })
  } catch {
    return undefined
  }
}

/** Advice that suits a client rather than a person at the command line. */
export function hintOf(status: number, url: URL, hint?: string): string {
  if (status === 401) return 'pass the token that the server was started with'
  if (status === 404) return `use ${url.protocol}//${url.host}/ for the feed, or ${url.protocol}//${url.host}/ws for rooms and messages`
  return hint ?? ''
}

/** Advice for a page from disk, which cannot learn why a connection failed; `undefined` for others. */
export function pageHint({ protocol, host, pathname }: URL): string | undefined {
  if (origin() !== 'null') return undefined
  const site = `${protocol.replace('ws', 'http')}//${host}`
  // No setting lets such pages do more than read the feed.
  const way = pathname === '/' ? `: open the page from a web server such as ${site}/overlays/, or start livetape with LIVETAPE_ORIGINS=null (server.origins)` : ` here: open ${site}/try instead`
  return `if livetape is running, it refuses pages from disk${way}`
}
