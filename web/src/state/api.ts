/** Requests to the server that served this page. The page contacts no other host. */

import { signal } from '@preact/signals'
import { isFields, text } from '../feed/event.ts'
import { texts } from '../texts.ts'

/** An error response of the server. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    readonly status: number,
    /** When to try again, in ms since 1970; 0 if the server does not say. */
    readonly retryAt = 0,
    /** Whether the server tries again by itself. */
    readonly isRetrying = false,
  ) {
    super(message)
  }
}

const TOKEN = 'livetape.token'
/** Default timeout of a request, in ms. */
const PATIENCE_MS = 5000

/** Whether the server requires a token that this page does not have. */
export const needsToken = signal(false)
/** Whether the user wants another one. */
export const changesToken = signal(false)
export const token = signal(sessionStorage.getItem(TOKEN) ?? '')

export function setToken(value: string): void {
  token.value = value
  sessionStorage.setItem(TOKEN, value)
  needsToken.value = false
  changesToken.value = false
}

/** Resolves a path against the page, which a proxy may serve below a prefix. */
export const url = (path: string): string => new URL(path.replace(/^\//, ''), document.baseURI).href

/** Characters allowed in a subprotocol (RFC 9110 `token`). */
const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The URL of the feed. A token that is not a valid subprotocol goes into the query: a browser's socket cannot set headers. */
export function socketUrl(): string {
  const feed = url(import.meta.env.DEV ? 'feed' : '').replace(/^http/, 'ws').replace(/[?#].*$/, '')
  return token.value === '' || PROTOCOL.test(token.value) ? feed : `${feed}?token=${encodeURIComponent(token.value)}`
}

/** The URL of a private replay of a recording, at full speed. */
export const playUrl = (recording: string, start: string): string =>
  `${socketUrl().replace(/\?.*$/, '')}ws/play/${encodeURIComponent(recording)}?speed=max&start=${start}`

export const protocols = (): string[] => (PROTOCOL.test(token.value) ? ['livetape', `bearer.${token.value}`] : [])

export const authorization = (): Record<string, string> =>
  token.value === '' ? {} : { Authorization: `Bearer ${token.value}` }

/** Converts an error response to a `Problem`. */
export function problemOf(status: number, body: unknown, retryAfter: string | null = null): Problem {
  if (status === 401) needsToken.value = true
  const error = isFields(body) && isFields(body.error) ? body.error : undefined
  if (error) {
    const retryAt = retryAfter ? Date.now() + Number(retryAfter) * 1000 : 0
    const isRetrying = isFields(body) && body.retrying === true
    return new Problem(text(error.code), text(error.message), text(error.hint), status, retryAt, isRetrying)
  }
  return new Problem('', texts.errors.strangeDetails(status), texts.errors.strangeHint, status)
}

export const away = (): Problem =>
  new Problem('server_away', texts.errors.awayDetails, texts.errors.awayHint, 0)

interface RequestOptions {
  method?: string
  body?: unknown
  /** Timeout in ms; 0 waits without a limit. */
  patience?: number
}

async function request(path: string, { method = 'GET', body, patience = PATIENCE_MS }: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = { ...authorization() }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const init: RequestInit = { method, headers, cache: 'no-store' }
  if (body !== undefined) init.body = JSON.stringify(body)
  if (patience > 0) init.signal = AbortSignal.timeout(patience)
  const response = await fetch(url(path), init).catch(() => {
    throw away()
  })
  if (!response.ok) {
    throw problemOf(response.status, await response.json().catch(() => undefined), response.headers.get('Retry-After'))
  }
  return response
}

/** Sends a request and parses the JSON response; an empty response is `undefined`. */
export async function ask<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await request(path, options)
  const body = await response.text().catch(() => {
    throw away()
  })
  if (body === '') return undefined as T
  try {
    return JSON.parse(body) as T
  } catch {
    throw problemOf(response.status, undefined)
  }
}

export const askText = async (path: string): Promise<string> => (await request(path, {})).text()
export const askBlob = async (path: string): Promise<Blob> => (await request(path, { patience: 0 })).blob()

/** Uploads a file and reports its progress, which `fetch` cannot do. */
export function putFile<T>(path: string, file: Blob, progress: (part: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const upload = new XMLHttpRequest()
    upload.open('PUT', url(path))
    upload.setRequestHeader('Content-Type', 'application/octet-stream')
    for (const [name, value] of Object.entries(authorization())) upload.setRequestHeader(name, value)
    upload.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0)
    upload.onerror = () => reject(away())
    upload.onload = () => {
      let body: unknown
      try {
        body = JSON.parse(upload.responseText)
      } catch {
        body = undefined
      }
      if (upload.status >= 200 && upload.status < 300) resolve(body as T)
      else reject(problemOf(upload.status, body))
    }
    upload.send(file)
  })
}
