// The clients, their differences, and their exact errors, as observed by running them. The snippets that `livetape mock` prints for clients
// become programs, with listeners that print events.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

/** Matches a text that starts with `start` and contains `parts`. */
const begins = (start, ...parts) => (text) => text.startsWith(start) && parts.every((part) => text.includes(part))
const has = (part) => (text) => text.includes(part)

const TOO_MANY = '(rate_limit_account_day) Too many connections started, try again'
const BOX = 'SIGN SERVER MESSAGE'
const LIMIT_MESSAGE = '| You have reached the rate limit. Sign up for a free API key at https://www.eulerstream.com/pricing. |'
const ROOM = { type: 'room', id: '7240536397118808469', status: 2, gifts: 6 }
const NOT_LIVE = { type: 'live', live: false }
const CAUSES = [has('SIGI_STATE'), 'API Error 19881007 (user_not_found)']

/** Outcomes of all versions for Node: scenario, command, expected result. */
const NODE = [
  ['stays-open', 'room', ROOM],
  [
    'rate-limited-forever',
    'connect',
    {
      class: 'SignatureRateLimitError',
      message: begins(`[Rate Limited] ${TOO_MANY} later. \n\t|`, BOX, LIMIT_MESSAGE),
      retryAfter: 1000,
    },
  ],
  [
    'rate-limited-untold',
    'connect',
    { class: 'SignatureRateLimitError', message: begins('[Rate Limited] Too many', BOX, LIMIT_MESSAGE), retryAfter: 0 },
  ],
  ['sign-401', 'connect', { class: 'SignAPIError', message: begins('[Sign Error] Unexpected sign server status 401. Payload:\n') }],
  [
    'sign-402',
    'connect',
    { class: 'PremiumFeatureError', message: begins('[Premium Feature] Error fetching the signed TikTok WebSocket', BOX) },
  ],
  [
    'sign-missing-cookie',
    'connect',
    { class: 'SignAPIError', message: '[Empty Cookies] No cookies received from sign server.' },
  ],
  [
    'sign-missing-cursor',
    'connect',
    { class: 'InvalidResponseError', message: 'Missing cursor in initial fetch response.' },
  ],
  ['offline', 'is-live', NOT_LIVE],
  [
    'not-found',
    'is-live',
    { class: 'FetchIsLiveError', message: '', causes: [...CAUSES, 'Failed to extract status from Euler.'] },
  ],
]

const node203 = {
  name: '2.0.3',
  title: 'tiktok-live-connector 2.0',
  program: (lines) => [process.execPath, '-e', nodeProgram(lines, 'connector-203')],
  command: [process.execPath, path.join(here, 'node.mjs'), '2.0.3', 'connector-203'],
  // It acks every frame with only its ID, and never enters the room.
  entersRoom: false,
  acksExt: false,
  // It leaves a batch after the first message in its map (client.js, processWebcastResponse).
  returnsEarly: true,
  cannotDecode: [],
  outcomes: [
    ...NODE,
    [
      'handshake-blocked',
      'connect',
      {
        class: 'string',
        message: begins(
          'Websocket connection failed, Error: Server responded with a non-101 status: 200 OK\nResponse Headers Follow:\n',
          '\nhandshake-status: 415\n',
          '\nhandshake-msg: DEVICE_BLOCKED\n',
        ),
      },
    ],
    // In `offline` it connects, because it looks for the status in the wrong place.
    [
      'not-found',
      'connect',
      { class: 'ExtractRoomIdError', message: '', causes: [...CAUSES, begins('Failed to retrieve roomId from Euler')] },
    ],
  ],
}

const node207 = {
  name: '2.0.7-beta1',
  title: 'tiktok-live-connector 2.0',
  program: (lines) => [process.execPath, '-e', nodeProgram(lines, 'connector-207')],
  command: [process.execPath, path.join(here, 'node.mjs'), '2.0.7', 'connector-207'],
  entersRoom: true,
  acksExt: true,
  returnsEarly: false,
  // It parses the JSON of this message as protobuf and drops the whole batch.
  cannotDecode: ['WebcastInRoomBannerMessage'],
  outcomes: [
    ...NODE,
    [
      'handshake-blocked',
      'connect',
      { class: 'string', message: 'Websocket connection failed, Error: Unexpected server response: 200' },
    ],
    ['offline', 'connect', { class: 'UserOfflineError', message: "The requested user isn't online :(" }],
    [
      'not-found',
      'connect',
      { class: 'FetchIsLiveError', message: '', causes: [...CAUSES, begins('Failed to retrieve Room ID from Euler')] },
    ],
  ],
}

const node210 = {
  ...node207,
  name: '2.1.0',
  program: (lines) => [process.execPath, '-e', nodeProgram(lines, 'connector-210')],
  command: [process.execPath, path.join(here, 'node.mjs'), '2.1.0', 'connector-210'],
  // It expects more data in the page and reports the first missing field.
  outcomes: node207.outcomes.map(([scenario, order, expected]) => {
    if (!expected.causes) return [scenario, order, expected]
    const page = "Cannot read properties of undefined (reading 'liveRoomUserInfo')"
    return [scenario, order, { ...expected, causes: [page, ...expected.causes.slice(1)] }]
  }),
}

const TTL = 'TikTokLive v6.6.5 ->'

const python665 = (python) => ({
  name: '6.6.5',
  title: 'TikTokLive 6',
  program: (lines) => [python, '-c', pythonProgram(lines)],
  command: [python, path.join(here, 'python.py')],
  entersRoom: true,
  acksExt: true,
  returnsEarly: false,
  // It logs messages that it cannot decode, and continues.
  cannotDecode: [],
  outcomes: [
    ['stays-open', 'room', ROOM],
    [
      'rate-limited-forever',
      'connect',
      {
        class: 'SignatureRateLimitError',
        // It takes the wait from `RateLimit-Remaining`, the number of remaining requests.
        message: begins(`${TTL} [RATE_LIMIT] ${TOO_MANY} in 0 seconds. \n\t|`, BOX, LIMIT_MESSAGE),
      },
    ],
    ['rate-limited-untold', 'connect', { class: 'TypeError', message: has("not 'NoneType'") }],
    ['sign-401', 'connect', { class: 'SignAPIError', message: begins(`${TTL} [SIGN_NOT_200] `, 'status code 401') }],
    ['sign-402', 'connect', { class: 'SignAPIError', message: begins(`${TTL} [SIGN_NOT_200] `, 'status code 402') }],
    [
      'sign-missing-cookie',
      'connect',
      { class: 'SignAPIError', message: `${TTL} [EMPTY_COOKIES] Sign server did not return cookies!` },
    ],
    [
      'sign-missing-cursor',
      'connect',
      { class: 'InitialCursorMissingError', message: `${TTL} Missing cursor in initial fetch response.` },
    ],
    [
      'handshake-blocked',
      'connect',
      { class: 'WebcastBlocked200Error', message: `${TTL} WebSocket rejected by TikTok due to "DEVICE_BLOCKED".` },
    ],
    ['age-restricted', 'room', { class: 'AgeRestrictedError', message: begins(`${TTL} Age restricted stream.`) }],
    [
      'offline',
      'connect',
      { class: 'UserOfflineError', message: `${TTL} The requested TikTok LIVE user '@demo' is offline.` },
    ],
    ['offline', 'is-live', NOT_LIVE],
    // It passes the text in place of the user name, and loses it.
    ['not-found', 'connect', { class: 'UserNotFoundError', message: `${TTL} UserNotFoundError` }],
    [
      'not-found',
      'is-live',
      { class: 'UserNotFoundError', message: begins(`${TTL} The requested user 'demo' is not capable of going LIVE`) },
    ],
  ],
})

/** A client at a path: an npm package, or a Python interpreter with the package. Its errors are not compared. */
const other = (name, at) => ({
  ...node210,
  name,
  outcomes: [],
  ...(name.startsWith('2.')
    ? {
        title: 'tiktok-live-connector 2.5',
        program: (lines) => [process.execPath, '-e', nodeProgram(lines, at)],
        command: [process.execPath, path.join(here, 'node.mjs'), '2.5.0', at],
        cannotDecode: [],
      }
    : {
        title: 'TikTokLive 6',
        program: (lines) => [at, '-c', pythonProgram(lines)],
        command: [at, path.join(here, 'python.py')],
        cannotDecode: [],
      }),
})

/** Returns the installed clients or, if given, `others`, each as `VERSION=PATH`. */
export const clients = (target, others) =>
  others.length === 0
    ? [
        node203,
        node207,
        node210,
        other('2.5.0', path.join(target, 'peers-2.5.0/node_modules/tiktok-live-connector')),
        python665(path.join(target, 'peers/bin/python')),
        other('6.6.6', path.join(target, 'peers-6.6.6/bin/python')),
        other('7.0.1', path.join(target, 'peers-7.0.1/bin/python')),
      ]
    : others.map((text) => other(text.slice(0, text.indexOf('=')), path.resolve(text.slice(text.indexOf('=') + 1))))

/** Returns the lines below the title that starts with `title`, without their indent. */
export function linesFor(title, said) {
  const lines = said.split('\n')
  const start = lines.findIndex((line) => line.startsWith(title))
  if (start < 0) throw new Error(`the mock prints no snippet for ${title}:\n${said}`)
  const rest = lines.slice(start + 1)
  const length = rest.findIndex((line) => !line.startsWith('    '))
  return rest.slice(0, length).map((line) => line.slice(4))
}

/** As in node.mjs: on a busy machine the end, which is not compressed, overtakes frames in the thread pool. */
const UNZIP_AT_ONCE = `((zlib) => { zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes)) })(require('node:zlib'))
    require('node:module').syncBuiltinESMExports()`

/** A program for Node, importing the package by its installed name. */
function nodeProgram(lines, installed) {
  return `${UNZIP_AT_ONCE}
    ${lines.join('\n').replaceAll('tiktok-live-connector', installed)}
    const print = (line) => console.log(JSON.stringify(line))
    for (const type of ['chat', 'gift', 'like', 'member']) connection.on(type, () => print({ type }))
    connection.on('streamEnd', () => print({ type: 'streamEnd' }))
    connection.on('error', (error) => print({ type: 'problem', error }))
    connection.on('disconnected', () => process.exit(0))`
}

/** A program for Python. The last line runs the client and does not return. */
function pythonProgram(lines) {
  return `import json
from TikTokLive.events import CommentEvent, GiftEvent, JoinEvent, LikeEvent, LiveEndEvent
${lines.slice(0, -1).join('\n')}
def show(type):
    return lambda event: print(json.dumps({"type": type}), flush=True)
for event, type in [(CommentEvent, "chat"), (GiftEvent, "gift"), (LikeEvent, "like"), (JoinEvent, "member"), (LiveEndEvent, "streamEnd")]:
    client.add_listener(event, show(type))
${lines.at(-1)}`
}
