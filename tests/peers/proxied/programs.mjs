// The programs behind the proxy: commands, what each requests, and the lines that they print.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

// Only the environment of a program leads it to the mock.
export const LOOKUP = 'https://www.tiktok.com/api-live/user/room/?aid=1988&uniqueId=demo&sourceType=54'
export const ROOM = 'https://webcast.tiktok.com/webcast/room/info/?room_id='
export const SIGN = 'https://tiktok.eulerstream.com/webcast/fetch?client=test&room_id='
export const SOCKET = 'wss://webcast-ws.tiktok.com/webcast/im/ws_proxy/ws_reuse_supplement/?aid=1988&room_id='
/** A host that the mock does not answer for. */
export const OTHER = 'https://example.com/'

const peers = fileURLToPath(new URL('..', import.meta.url))
/** The node of npm's `node-linux-*`. */
const NODE_24 = path.join(peers, `node_modules/node-linux-${process.arch}/bin/node`)
/** Variables of `livetape run --mock-proxy` other than HTTPS_PROXY and SSL_CERT_FILE. */
const OTHER_VARIABLES = ['HTTP_PROXY', 'http_proxy', 'https_proxy', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE']

const room = (expected) => `room ${expected.room}`
const frames = (expected) => `frames ${expected.frames}`
const SIGNED = 'sign 200'
const REFUSED = 'other host 502'

/** Programs that use no proxy: their hosts are redirected. */
export const redirected = ({ target, lookup, sign }) => [
  { name: 'curl', command: ['sh', 'get.sh', lookup, sign], wanted: (expected) => [room(expected), SIGNED] },
  { name: 'Node 24', command: [NODE_24, 'fetch.mjs'], wanted: (expected) => [room(expected), SIGNED, frames(expected)] },
  // It does not emit the events in the first answer, which are older than the connection.
  { name: 'tiktoklive 0.0.19', command: [path.join(target, 'peers-tiktoklive-rs/debug/livetape-peers-tiktoklive'), 'demo'], counts: ({ counts, old }) => counts.map((count, index) => count - old[index]) },
]

export function programs({ target, home, lookup, sign, socket, other }) {
  const python = (folder) => path.join(target, folder, 'bin/python')
  const requests = (expected) => [room(expected), SIGNED, REFUSED]
  const withSocket = (expected) => [room(expected), SIGNED, frames(expected), REFUSED]
  return [
    { name: 'curl --proxy', command: ['sh', 'get.sh', lookup, sign, other], asksOther: true, wanted: requests },
    { name: 'Python requests', command: [python('peers-proxied'), 'get.py', lookup, sign, other], asksOther: true, wanted: requests },
    { name: `Node ${process.versions.node}, undici`, command: [process.execPath, 'fetch.mjs'], asksOther: true, wanted: withSocket },
    { name: 'Node 24', command: [NODE_24, 'fetch.mjs'], asksOther: true, wanted: withSocket },
    { name: "Java's HttpClient", command: ['java', 'Client.java', lookup, sign, socket, other], asksOther: true, wanted: withSocket },
    {
      name: 'Chromium --proxy-server',
      command: [process.execPath, 'page.mjs'],
      env: { HOME: home },
      asksOther: true,
      // What Chromium itself asks for, and the proxy refuses too.
      ownHosts: ['update.googleapis.com'],
      wanted: (expected) => [room(expected), frames(expected), REFUSED],
    },
    {
      name: 'TikTokLive 7.0.1 with HTTPS_PROXY and SSL_CERT_FILE',
      command: ['env', ...OTHER_VARIABLES.flatMap((name) => ['-u', name]), python('peers-7.0.1'), path.join(peers, 'python.py'), '-', 'demo'],
    },
    {
      name: 'piratetok-live-py .proxy()',
      command: ['sh', '-c', 'exec "$@" "$HTTPS_PROXY" demo', 'sh', python('peers-piratetok'), path.join(peers, 'piratetok.py')],
    },
  ]
}
