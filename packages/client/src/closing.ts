// Close codes as reasons: which of them are the end, and which a client comes back from.

export const CLOSE = { NORMAL: 1000, LOST: 1006, POLICY: 1008, UNKNOWN_POSITION: 4001, SLOW_CONSUMER: 4101 } as const

/** From here on private codes ask to come back. */
const PRIVATE_RETRY_FROM = 4100
/** Going away, no code, lost, internal error, restart, try later, bad gateway, TLS. */
const RETRY: readonly number[] = [1001, 1005, CLOSE.LOST, 1011, 1012, 1013, 1014, 1015]

const MEANINGS: Record<number, string> = {
  1000: 'the source ended',
  1001: 'the server shut down',
  1006: 'the connection was lost',
  1008: 'refused',
  1009: 'a message was too long',
  1011: 'the room cannot be had',
  4001: 'the position is not known here: the server was restarted, or the backlog is shorter',
  4101: 'too slow: the backlog went on without this client',
  4102: 'no place now',
}

/** Whether a close code is the end. 4001 is none: a client starts afresh, without `since`. */
export const isFinal = (code: number): boolean => code < PRIVATE_RETRY_FROM && code !== CLOSE.UNKNOWN_POSITION && !RETRY.includes(code)

/** What a close code means, for people. */
export const meaningOf = (code: number): string => MEANINGS[code] ?? `close code ${code}`
