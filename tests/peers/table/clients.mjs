// The clients of the table. `isQuick`: CI runs some of its cells. `isNewest`: it has a score. `ca` is the folder of the CA of those that use the mock as a proxy. `note`
// states what fails, and why; `varies` has the cells that differ from run to run.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('..', import.meta.url))
const node = (program, ...args) => [process.execPath, path.join(here, program), ...args]

/** Scenarios that end or stop the socket before the stream ends. */
const CUT = ['close-4404', 'close-frame', 'close-hb', 'close-third', 'drop', 'drop-mid-frame', 'network-cut', 'network-slow-close', 'reset', 'stall']
const UPGRADES = ['handshake-400', 'handshake-403', 'handshake-blocked', 'handshake-blocked-once', 'handshake-illegal-key', 'sign-stub', 'sign-stub-400']
/** Those after which a client that reconnects receives later events. */
const REJOINED = CUT.filter((scenario) => !['close-frame', 'stall'].includes(scenario))
/** Frames before a cut. */
const FRAMES = 22

const late = 'when the socket ends, the client may not have acked, or decoded, every frame that it has received; the mock does not wait for acks before a fault.'
const acks = { scenarios: CUT, column: 'acks', from: 0, to: FRAMES, why: late }
const chats = { scenarios: CUT, column: 'chats', from: 5, to: 6, why: late }
const cutEnd = { scenarios: CUT, column: 'how it ends', oneOf: ['disconnected', '`ConnectionClosedError`'], why: 'the client notices a lost connection when it reads, or when it sends a heartbeat.' }
const slow = { scenarios: ['network-slow'], column: 'acks', from: 60, to: 75, why: 'acks that are on their way when the client leaves do not arrive.' }
const narrow = 'frames that are not compressed take more than a minute on the slow network.'
const random = 'the first delay before the next socket is random, up to 5 s.'
const rejoined = 'what a client that reconnects receives depends on when it does: a room plays on without it.'
const again = [
  { scenarios: CUT, column: 'chats', from: 5, to: 30, why: rejoined },
  ...['gifts', 'likes', 'joins'].map((column) => ({ scenarios: REJOINED, column, from: 0, to: 21, why: rejoined })),
  { scenarios: CUT, column: 'acks', from: 0, to: 90, why: rejoined },
  { scenarios: [...CUT, ...UPGRADES], column: 'next socket after', from: 2, to: 3, why: 'the client waits 2 s, and looks the room up again.' },
]
/** The values of a client that connects again without a pause. */
const restless = (...scenarios) => [
  { scenarios, column: 'chats', from: 0, to: 10_000, why: rejoined },
  { scenarios, column: 'acks', from: 0, to: 10_000, why: rejoined },
  { scenarios, column: 'sockets', from: 2, to: 2000, why: rejoined },
  { scenarios, column: 'next socket after', from: 0, to: 1, why: rejoined },
  { scenarios, column: 'how it ends', oneOf: ['stays connected', 'keeps trying'], why: rejoined },
]

const CONNECTOR = 'It never reconnects. It stops at any error of the sign server, also a temporary one, and reports a rejected upgrade without its reason.'
const PYTHON = `It never reconnects, and stops at any error of the sign server, also a temporary one. A damaged frame ends the connection (\`EOFError\`). It reads JSON
from a captcha page (\`JSONDecodeError\`).`
const UNTOLD = 'A 429 without `RateLimit-Remaining` is a `TypeError`.'

/** Returns the clients; `target` has those that are not in `node_modules`. */
export const clients = (target) => {
  const python = (folder, program) => [path.join(target, folder, 'bin/python'), path.join(here, program)]
  return [
    {
      name: 'tiktok-live-connector 1.2.3',
      licence: 'MIT',
      command: node('node-1.2.3.mjs'),
      isQuick: true,
      note: `It never reconnects, and stops at any error of the sign server, also a temporary one. A rejected upgrade is \`NoWSUpgradeError\`. It asks two public sign
servers if its own fails; the test sets only the mock.`,
      varies: [
        acks,
        slow,
        { scenarios: ['network-cut'], column: 'how it ends', oneOf: ['disconnected', 'disconnected, reports `Error`'], why: 'a heartbeat that it sends at the time of the cut fails.' },
      ],
    },
    {
      name: 'tiktok-live-connector 2.0.3',
      licence: 'MIT',
      command: node('node-2.0.3.mjs'),
      note: `${CONNECTOR} It stops reading a batch after the first message whose type it knows, and loses the rest. It does not detect that a user is offline.`,
      varies: [acks, { ...chats, from: 1, to: 2 }],
    },
    {
      name: 'tiktok-live-connector 2.0.7-beta1',
      licence: 'MIT',
      command: node('node-2.0.7.mjs', 'connector-207'),
      note: `${CONNECTOR} It reads the JSON of \`WebcastInRoomBannerMessage\` as protobuf, and drops the batch, without an ack (\`SchemaDecodeError\`).`,
      varies: [acks, chats],
    },
    { name: 'tiktok-live-connector 2.1.0', licence: 'MIT', command: node('node-2.0.7.mjs', 'connector-210'), note: CONNECTOR, varies: [acks, chats] },
    {
      name: 'tiktok-live-connector 2.5.0',
      isNewest: true,
      licence: 'AGPL',
      command: node('node-2.5.0.mjs', path.join(target, 'peers-2.5.0/node_modules/tiktok-live-connector')),
      note: CONNECTOR,
      varies: [acks, chats],
    },
    {
      name: 'TikTokLive 5.0.8',
      licence: 'MIT',
      command: python('peers-5.0.8', 'python-5.0.8.py'),
      isQuick: true,
      note: `It does not ask for compressed frames, and does not emit the events in the sign server's answer. It reads error pages of the sign server as protobuf. Its
dependencies are older than the newest: those no longer have what it uses. After \`close-frame\` it reconnects without a pause.`,
      varies: [
        ...restless('close-frame'),
        { scenarios: ['close-hb'], column: 'chats', from: 18, to: 30, why: rejoined },
        { scenarios: ['close-hb'], column: 'acks', from: 60, to: 90, why: rejoined },
        { scenarios: ['network-slow-close'], column: 'chats', from: 1, to: 30, why: rejoined },
        { ...chats, from: 0, to: 1 },
        acks,
        { scenarios: ['network-narrow'], column: 'acks', from: 40, to: 74, why: narrow },
        { scenarios: UPGRADES, column: 'next socket after', from: 0, to: 5, why: random },
        { scenarios: UPGRADES, column: 'sockets', from: 4, to: 9, why: random },
        { scenarios: ['network-slow-close'], column: 'sockets', from: 2, to: 4, why: rejoined },
        { scenarios: ['network-slow-close'], column: 'next socket after', from: 15, to: 25, why: rejoined },
      ],
    },
    {
      name: 'TikTokLive 6.4.5',
      licence: 'MIT',
      command: python('peers-6.4.5', 'python.py'),
      isQuick: true,
      note: `${PYTHON.replace('It never reconnects', 'It reconnects only after `close-frame` and a stall, and sometimes after `close-hb`, without a pause')} A 429 is an \`AttributeError\`, and so is any control message, such as the end
of the stream: it looks for names of actions that its schema does not have. With a scenario that sets
\`tt_target_idc\`, it fails with \`CookieConflict\`, as 6.3.1 and later do up to this version: it has a cookie of this name already.`,
      varies: [
        ...restless('close-frame', 'stall'),
        { scenarios: ['close-hb'], column: 'chats', from: 5, to: 12, why: rejoined },
        { scenarios: ['close-hb'], column: 'acks', from: 0, to: 61, why: rejoined },
        { scenarios: ['close-hb'], column: 'sockets', from: 1, to: 2, why: rejoined },
        { scenarios: ['close-hb'], column: 'next socket after', oneOf: ['', '0 s'], why: rejoined },
        { scenarios: ['close-hb'], column: 'how it ends', oneOf: ['disconnected', '`ConnectionClosedError`', '`AttributeError`'], why: rejoined },
        acks,
        chats,
        cutEnd,
      ],
    },
    { name: 'TikTokLive 6.6.5', licence: 'MIT', command: python('peers', 'python.py'), note: `${PYTHON} ${UNTOLD}`, varies: [acks, chats, cutEnd] },
    { name: 'TikTokLive 6.6.6', licence: 'AGPL', command: python('peers-6.6.6', 'python.py'), note: `${PYTHON} ${UNTOLD}`, varies: [acks, chats, cutEnd] },
    { name: 'TikTokLive 7.0.1', isNewest: true, licence: 'AGPL', command: python('peers-7.0.1', 'python.py'), note: `${PYTHON} ${UNTOLD}`, varies: [acks, chats, cutEnd] },
    {
      name: 'piratetok-live-rs 0.5.0',
      isNewest: true,
      licence: '0BSD',
      command: [path.join(target, 'peers-piratetok-rs/debug/livetape-peers-piratetok')],
      note: `It uses no sign server. It reconnects after 2, 4, 8 … s, up to five times, and does not retry a lookup.`,
      varies: [...again, slow],
    },
    {
      name: 'piratetok-live-py 0.3.0',
      isNewest: true,
      licence: '0BSD',
      command: python('peers-piratetok', 'piratetok.py'),
      ca: path.join(target, 'peers-ca'),
      isQuick: true,
      note: 'Its hosts are fixed: it runs through the proxy. It uses no sign server. It reconnects after 2, 4, 8 … s, up to five times, and does not retry a lookup.',
      varies: [...again],
    },
    {
      name: '@eulerstream/euler-websocket-sdk 0.0.6',
      licence: 'MIT',
      command: node('euler.mjs'),
      isQuick: true,
      note: 'It has no client, but the address of a service that the mock does not imitate, and a decoder. The mock answers with a page (200) instead of a WebSocket.',
    },
  ]
}
