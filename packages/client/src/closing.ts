// Close codes: which are final, and after which the client reconnects.

export const CLOSE = { NORMAL: 1000, LOST: 1006, POLICY: 1008, UNKNOWN_POSITION: 4001, SLOW_CONSUMER: 4101 } as const

/** Lowest private code after which clients reconnect. */
const PRIVATE_RETRY_FROM = 4100
/** Standard codes after which clients reconnect: going away, no code, lost, internal error, restart, try again later, bad gateway, TLS. */
const RETRY: readonly number[] = [1001, 1005, CLOSE.LOST, 1011, 1012, 1013, 1014, 1015]

const MEANINGS: Record<number, string> = {
  1000: 'the source ended',
  1001: 'the server shut down',
  1006: 'the connection was lost',
  1008: 'refused',
  1009: 'a message was too long',
  1011: 'the room is unavailable',
  4001: 'unknown position: the server restarted or dropped the event',
  4101: 'too slow: this client fell behind the backlog',
  4102: 'the server is full',
}

/** Whether a close code is final. 4001 is not: the client forgets its position and starts over. */
export const isFinal = (code: number): boolean => code < PRIVATE_RETRY_FROM && code !== CLOSE.UNKNOWN_POSITION && !RETRY.includes(code)

/** Returns the meaning of a close code. */
export const meaningOf = (code: number): string => MEANINGS[code] ?? `close code ${code}`
