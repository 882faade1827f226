// Uses the `fetch` and the WebSocket of Node: `node fetch.mjs`. Before Node 22.21, which reads NODE_USE_ENV_PROXY, with undici's agent.

import { inspect } from 'node:util'

import { LOOKUP, OTHER, SIGN, SOCKET } from './programs.mjs'

const [major, minor] = process.versions.node.split('.').map(Number)
const isOld = major < 22 || (major === 22 && minor < 21)
const undici = isOld ? await import('undici') : globalThis
if (isOld) undici.setGlobalDispatcher(new undici.EnvHttpProxyAgent())
const { fetch, WebSocket } = undici

const { data } = await (await fetch(LOOKUP)).json()
const room = data.user.roomId
console.log(`room ${room}`)
console.log(`sign ${(await fetch(SIGN + room)).status}`)

const socket = new WebSocket(SOCKET + room)
let frames = 0
socket.addEventListener('message', () => (frames += 1))
await new Promise((resolve) => ['close', 'error'].forEach((event) => socket.addEventListener(event, resolve)))
console.log(`frames ${frames}`)

if (process.env.HTTPS_PROXY) await fetch(OTHER).catch((error) => console.log(inspect(error).includes('(502)') ? 'other host 502' : error))
