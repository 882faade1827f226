// The newest version of each client, for the table. `ca` is the folder of the CA of those that use the mock as a proxy. `note`
// states what fails, and why; `varies` has the cells that differ from run to run.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('..', import.meta.url))

/** Scenarios that end or stop the socket before the stream ends. */
const CUT = ['close-4404', 'close-frame', 'close-hb', 'close-third', 'drop', 'drop-mid-frame', 'network-cut', 'network-slow-close', 'reset', 'stall', 'deaf', 'quiet']
const UPGRADES = ['handshake-400', 'handshake-403', 'handshake-blocked', 'handshake-blocked-once', 'handshake-illegal-key', 'sign-stub', 'sign-stub-400']
/** Those after which a client that reconnects receives later events. */
const REJOINED = CUT.filter((scenario) => !['close-frame', 'stall', 'deaf', 'quiet'].includes(scenario))
/** Frames before a cut. */
const FRAMES = 22

const late = 'when the socket ends, the client may not have acked, or decoded, every frame that it has received; the mock does not wait for acks before a fault.'
const acks = { scenarios: CUT, column: 'acks', from: 0, to: FRAMES, why: late }
const chats = { scenarios: CUT, column: 'chats', from: 5, to: 6, why: late }
const cutEnd = { scenarios: CUT, column: 'how it ends', oneOf: ['disconnected', '`ConnectionClosedError`'], why: 'the client notices a lost connection when it reads, or when it sends a heartbeat.' }
const slow = { scenarios: ['network-slow'], column: 'acks', from: 60, to: 75, why: 'acks that are on their way when the client leaves do not arrive.' }
const rejoined = 'what a client that reconnects receives depends on when it does: a room plays on without it.'
const again = [
  { scenarios: CUT, column: 'chats', from: 5, to: 30, why: rejoined },
  ...['gifts', 'likes', 'joins'].map((column) => ({ scenarios: REJOINED, column, from: 0, to: 21, why: rejoined })),
  { scenarios: CUT, column: 'acks', from: 0, to: 90, why: rejoined },
  { scenarios: [...CUT, ...UPGRADES], column: 'next socket after', from: 2, to: 3, why: 'the client waits 2 s, and looks the room up again.' },
]

const CONNECTOR = 'It never reconnects, stops at any error of the sign server, also a temporary one, and reports a rejected upgrade without its reason.'
const PYTHON = 'It never reconnects, and stops at any error of the sign server, also a temporary one, or at a damaged frame.'

/** Returns the clients; `target` has those that are not in `node_modules`. */
export const clients = (target) => {
  const python = (folder, program) => [path.join(target, folder, 'bin/python'), path.join(here, program)]
  return [
    {
      name: 'tiktok-live-connector 2.5.0',
      licence: 'AGPL',
      command: [process.execPath, path.join(here, 'node.mjs'), '2.5.0', path.join(target, 'peers-2.5.0/node_modules/tiktok-live-connector')],
      note: CONNECTOR,
      varies: [acks, chats],
    },
    { name: 'TikTokLive 7.0.1', licence: 'AGPL', command: python('peers-7.0.1', 'python.py'), note: PYTHON, varies: [acks, chats, cutEnd] },
    {
      name: 'piratetok-live-rs 0.5.0',
      licence: '0BSD',
      command: [path.join(target, 'peers-piratetok-rs/debug/livetape-peers-piratetok')],
      note: 'It uses no sign server, reconnects after 2, 4, 8 … s, up to five times, and does not retry a lookup. Of the six user agents that it draws from, four disagree with its parameters; here it uses another.',
      varies: [...again, slow],
    },
    {
      name: 'piratetok-live-py 0.3.0',
      licence: '0BSD',
      command: python('peers-piratetok', 'piratetok.py'),
      ca: path.join(target, 'peers-ca'),
      note: 'As above, through the proxy.',
      varies: [...again],
    },
  ]
}
