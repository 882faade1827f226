// The clients, and exactly what each throws. Seen by running them, and to be kept: overlays match on these.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const node = (file) => [process.execPath, path.join(here, file)]

const LIMITED = '(rate_limit_account_day) Too many connections started, try again'
const NODE_LIMITED = {
  class: 'SignatureRateLimitError',
  message: [
    `[Rate Limited] ${LIMITED} later. `,
    '\t|                                  |',
    '\t+------ SIGN SERVER MESSAGE -------+',
    '\t| You have reached the rate limit. |',
    '\t+----------------------------------+\n',
  ].join('\n'),
  retryAfter: 7000,
}
const NOT_FOUND = [/SIGI_STATE|LiveRoom/, /^API Error 19881007 \(user_not_found\)$/]

export const clients = (python) => [
  {
    name: '2.0.3',
    command: node('node-2.0.3.mjs'),
    // It acks every frame, with the id alone, and never enters the room.
    entersRoom: false,
    acksExt: false,
    // It returns from a batch after the first message that its map knows (client.js, processWebcastResponse).
    returnsEarly: true,
    cannotDecode: [],
    limited: NODE_LIMITED,
    blocked: {
      class: 'string',
      message: /^Websocket connection failed, Error: Server responded with a non-101 status: 200 OK\nResponse Headers Follow:\n(.*\n)*handshake-msg: DEVICE_BLOCKED\n/i,
    },
    // `connect()` does not ask: 2.0.3 looks for the status where TikTok does not put it.
    offline: { 'is-live': { type: 'live', live: false } },
    notFound: {
      connect: { class: 'ExtractRoomIdError', message: '', causes: [...NOT_FOUND, /^Failed to retrieve roomId from Euler/] },
      'is-live': { class: 'FetchIsLiveError', message: '', causes: [...NOT_FOUND, 'Failed to extract status from Euler.'] },
    },
  },
  {
    name: '2.0.7-beta1',
    command: node('node-2.0.7.mjs'),
    entersRoom: true,
    acksExt: true,
    returnsEarly: false,
    // What it takes for a message is JSON, and a batch with one such message is thrown away whole.
    cannotDecode: ['WebcastInRoomBannerMessage'],
    limited: NODE_LIMITED,
    blocked: { class: 'string', message: 'Websocket connection failed, Error: Unexpected server response: 200' },
    offline: {
      connect: { class: 'UserOfflineError', message: "The requested user isn't online :(" },
      'is-live': { type: 'live', live: false },
    },
    notFound: {
      connect: { class: 'FetchIsLiveError', message: '', causes: [...NOT_FOUND, /^Failed to retrieve Room ID from Euler/] },
      'is-live': { class: 'FetchIsLiveError', message: '', causes: [...NOT_FOUND, 'Failed to extract status from Euler.'] },
    },
  },
  {
    name: '6.6.5',
    command: [python, path.join(here, 'python-6.6.5.py')],
    entersRoom: true,
    acksExt: true,
    returnsEarly: false,
    // A message that it cannot decode it logs, and goes on.
    cannotDecode: [],
    limited: {
      class: 'SignatureRateLimitError',
      // It reads the time to wait from `RateLimit-Remaining`, which is the number of requests left.
      message: [
        `TikTokLive v6.6.5 -> [RATE_LIMIT] ${LIMITED} in 0 seconds. `,
        '\t|',
        '\t+------ SIGN SERVER MESSAGE -------+',
        '\t| You have reached the rate limit. |',
        '\t+----------------------------------+',
      ].join('\n'),
    },
    blocked: {
      class: 'WebcastBlocked200Error',
      message: 'TikTokLive v6.6.5 -> WebSocket rejected by TikTok due to "DEVICE_BLOCKED".',
    },
    offline: {
      connect: { class: 'UserOfflineError', message: /^TikTokLive v6\.6\.5 -> The requested TikTok LIVE user '@gone' is offline\.$/ },
      'is-live': { type: 'live', live: false },
    },
    notFound: {
      connect: { class: 'UserNotFoundError', message: /^TikTokLive v6\.6\.5 -> / },
      'is-live': { class: 'UserNotFoundError', message: /^TikTokLive v6\.6\.5 -> The requested user 'nobody' is not capable/ },
    },
  },
]
