// Tries a connection, for sockets that the client does not manage.

import { WebSocketClient } from './client.js'
import type { ClientError } from './error.js'

/** A server that refuses an open socket sends an error immediately. In ms. */
const SILENCE_MS = 1000

/** Tries to connect, and returns what stops it as far as this page can learn it; `undefined` if nothing does. */
export async function explain(url: string | URL, token?: string): Promise<ClientError | undefined> {
  const asked = new URL(url)
  // Other addresses have no observers.
  if (/^\/(ws)?$/.test(asked.pathname)) asked.searchParams.set('observer', '1')
  const client = new WebSocketClient(asked.href, undefined, { token, autoReconnect: false })
  let told: ClientError | undefined
  client.on('error', (error) => (told = error))
  const over = new Promise<unknown>((resolve) => client.on('welcome', resolve).on('disconnected', resolve))
  // The server refuses some sockets after it opened them, because browsers hide the response to a refused upgrade.
  const silence = () => Promise.race([over, new Promise((resolve) => setTimeout(resolve, SILENCE_MS))])
  await client.connect().then(silence, (error) => (told ??= error))
  const isOpen = client.getStatus() === 'connected'
  client.disconnect()
  return isOpen ? undefined : told
}
