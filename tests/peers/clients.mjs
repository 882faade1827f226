// The clients, how they differ, and exactly what each throws: seen by running them.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

const LIMITED = '(rate_limit_account_day) Too many connections started, try again'
const PREMIUM = 'Error fetching the signed TikTok WebSocket'
const boxed = (text, rule, edge) => `${edge}\n\t${rule}\n\t| ${text} |\n\t+${'-'.repeat(text.length + 2)}+`
const LIMIT_RULE = '+------ SIGN SERVER MESSAGE -------+'
const limitBox = (edge) => boxed('You have reached the rate limit.', LIMIT_RULE, edge)
const premiumBox = boxed('This is for those who pay.', '+--- SIGN SERVER MESSAGE ----+', `|${' '.repeat(28)}|`)

const ROOM = { type: 'room', id: '7309142864777853434', status: 2, gifts: 6 }
const NOT_LIVE = { type: 'live', live: false }
const CAUSES = [/SIGI_STATE|LiveRoom/, /^API Error 19881007 \(user_not_found\)$/]

/** What both versions for Node do: user of the scenario, order, what it comes to. */
const NODE = [
  ['demo', 'room', ROOM],
  [
    'limited',
    'connect',
    {
      class: 'SignatureRateLimitError',
      message: `[Rate Limited] ${LIMITED} later. \n\t${limitBox(`|${' '.repeat(34)}|`)}\n`,
      retryAfter: 7000,
    },
  ],
  ['premium', 'connect', { class: 'PremiumFeatureError', message: `[Premium Feature] ${PREMIUM} \n\t${premiumBox}\n` }],
  ['no-cookie', 'connect', { class: 'SignAPIError', message: '[Empty Cookies] No cookies received from sign server.' }],
  ['no-cursor', 'connect', { class: 'InvalidResponseError', message: 'Missing cursor in initial fetch response.' }],
  ['gone', 'is-live', NOT_LIVE],
  ['nobody', 'is-live', { class: 'FetchIsLiveError', message: '', causes: [...CAUSES, /^Failed to extract status from Euler/] }],
]

const REFUSED =
  'Websocket connection failed, Error: Server responded with a non-101 status: 200 OK\nResponse Headers Follow:'

const node203 = {
  name: '2.0.3',
  command: [process.execPath, path.join(here, 'node-2.0.3.mjs')],
  // It acks every frame, with the id alone, and never enters the room.
  entersRoom: false,
  acksExt: false,
  // It returns from a batch after the first message that its map knows (client.js, processWebcastResponse).
  returnsEarly: true,
  cannotDecode: [],
  outcomes: [
    ...NODE,
    // All headers of the answer are in the text.
    ['blocked', 'connect', { class: 'string', message: new RegExp(`^${REFUSED}\n(.+\n)*handshake-msg: DEVICE_BLOCKED\n`) }],
    ['nobody', 'connect', { class: 'ExtractRoomIdError', message: '', causes: [...CAUSES, /^Failed to retrieve roomId/] }],
    // For `gone` it connects: `connect()` does not ask, and where TikTok puts the status it does not look.
  ],
}

const node207 = {
  name: '2.0.7-beta1',
  command: [process.execPath, path.join(here, 'node-2.0.7.mjs')],
  entersRoom: true,
  acksExt: true,
  returnsEarly: false,
  // What it takes for a message is JSON, and a batch with one such message is thrown away whole.
  cannotDecode: ['WebcastInRoomBannerMessage'],
  outcomes: [
    ...NODE,
    ['blocked', 'connect', { class: 'string', message: 'Websocket connection failed, Error: Unexpected server response: 200' }],
    ['gone', 'connect', { class: 'UserOfflineError', message: "The requested user isn't online :(" }],
    ['nobody', 'connect', { class: 'FetchIsLiveError', message: '', causes: [...CAUSES, /^Failed to retrieve Room ID/] }],
  ],
}

const TTL = 'TikTokLive v6.6.5 ->'
const NEVER_LIVE = 'is not capable of going LIVE on TikTok, or has never gone live on TikTok, or does not exist.'

const python665 = (python) => ({
  name: '6.6.5',
  command: [python, path.join(here, 'python-6.6.5.py')],
  entersRoom: true,
  acksExt: true,
  returnsEarly: false,
  // A message that it cannot decode it logs, and goes on.
  cannotDecode: [],
  outcomes: [
    ['demo', 'room', ROOM],
    [
      'limited',
      'connect',
      {
        class: 'SignatureRateLimitError',
        // It reads the time to wait from `RateLimit-Remaining`, which is the number of requests left.
        message: `${TTL} [RATE_LIMIT] ${LIMITED} in 0 seconds. \n\t${limitBox('|')}`,
      },
    ],
    ['premium', 'connect', { class: 'SignAPIError', message: /^TikTokLive v6\.6\.5 -> \[SIGN_NOT_200\] .* status code 402 / }],
    ['no-cookie', 'connect', { class: 'SignAPIError', message: `${TTL} [EMPTY_COOKIES] Sign server did not return cookies!` }],
    ['no-cursor', 'connect', { class: 'InitialCursorMissingError', message: `${TTL} Missing cursor in initial fetch response.` }],
    [
      'blocked',
      'connect',
      { class: 'WebcastBlocked200Error', message: `${TTL} WebSocket rejected by TikTok due to "DEVICE_BLOCKED".` },
    ],
    ['adults', 'room', { class: 'AgeRestrictedError', message: /^TikTokLive v6\.6\.5 -> Age restricted stream\./ }],
    ['gone', 'connect', { class: 'UserOfflineError', message: `${TTL} The requested TikTok LIVE user '@gone' is offline.` }],
    ['gone', 'is-live', NOT_LIVE],
    // The text is given where the user's name belongs, and lost.
    ['nobody', 'connect', { class: 'UserNotFoundError', message: `${TTL} UserNotFoundError` }],
    ['nobody', 'is-live', { class: 'UserNotFoundError', message: `${TTL} The requested user 'nobody' ${NEVER_LIVE}` }],
  ],
})

export const clients = (python) => [node203, node207, python665(python)]
