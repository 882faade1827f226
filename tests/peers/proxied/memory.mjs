// `node memory.mjs <livetape> <target folder>`: memory of the mock for each of 1,000 sockets, opened through its proxy with TLS.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

import { withServer } from '../../support/livetape.mjs'
import { LOOKUP, SOCKET } from './programs.mjs'

const require = createRequire(import.meta.url)
const WebSocket = require('ws')
const { HttpsProxyAgent } = require('https-proxy-agent')

const SOCKETS = 1000
/** How many connect at the same time. */
const AT_ONCE = 50
/** Limit for each socket, in KiB. The client is not included. */
const KIB_MAX = 80

const [livetape, target] = process.argv.slice(2).map((place) => path.resolve(place))
const ca = path.join(target, 'peers-ca')

/** Memory of a process, in KiB. */
async function memory(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1])
}

await withServer(livetape, ['mock', '--port', '0', '--proxy-listen', '127.0.0.1:0', '--ca-dir', ca], async ({ pid, url, said }) => {
  const agent = new HttpsProxyAgent(/Proxy .* on (\S+)/.exec(said())[1])
  const tls = { agent, ca: await readFile(path.join(ca, 'ca.pem')) }
  const { data } = await (await fetch(url + new URL(LOOKUP).pathname + new URL(LOOKUP).search)).json()
  const connect = () => new Promise((resolve, reject) => {
    const socket = new WebSocket(SOCKET + data.user.roomId, tls).on('error', reject)
    // Frames are read, so that they do not wait in the mock.
    socket.on('open', () => resolve(socket))
  })
  // The first socket also allocates memory that all share.
  const sockets = [await connect()]
  const before = await memory(pid)
  while (sockets.length <= SOCKETS) sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, connect))))
  const each = (await memory(pid) - before) / (sockets.length - 1)
  const open = sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length
  console.log(`${open} sockets through the proxy: ${each.toFixed(1)} KiB each, limit ${KIB_MAX} KiB`)
  // A socket takes memory, so anything else was not measured.
  process.exitCode = each > 0 && each <= KIB_MAX && open === sockets.length ? 0 : 1
  sockets.forEach((socket) => socket.terminate())
})
