// Connects as the unmodified npm @eulerstream/euler-websocket-sdk says: `node euler.mjs <base URL> <user>`.
//
// It has no client, only the address of its server, for use with `ws`, and a decoder.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const [base, user] = process.argv.slice(2)
process.env.EULER_WS_URL = base.replace('http', 'ws')
const { createWebSocketUrl } = require('@eulerstream/euler-websocket-sdk')
const WebSocket = require('ws')

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const socket = new WebSocket(createWebSocketUrl({ uniqueId: user }))
socket.on('unexpected-response', (request, { statusCode }) => {
  print({ type: 'error', class: String(statusCode), message: 'the upgrade was rejected' })
  request.destroy()
})
socket.on('error', () => {})
socket.on('open', () => print({ type: 'connected' }))
