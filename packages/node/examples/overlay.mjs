// An overlay server beside Express: pages come from Express, gifts from livetape. Run `npm install express` first.

import { once } from 'node:events'

import express from 'express'
import { createApp } from '@livetape/node'

const pages = express()
const server = pages.listen(Number(process.env.PORT ?? 8080), '127.0.0.1')
await once(server, 'listening')
// Pages of other servers may only read the feed, so these are listed.
const origins = ['127.0.0.1', 'localhost'].map((host) => `http://${host}:${server.address().port}`)

const app = createApp({ replay: process.env.RECORDING ?? 'demo', speed: process.env.SPEED ?? 1, loop: true, origins })
app.websocket('/overlay', { onConnect: (socket) => socket.send(JSON.stringify({ total })) })

let total = 0
const gifts = app.events({ types: ['gift'], gifts: 'delta' })
const { port } = await app.listen()

pages.get('/', (_, response) => response.type('html').send(`<script>
  new WebSocket('ws://127.0.0.1:${port}/overlay').onmessage = ({ data }) => { document.title = JSON.parse(data).total + ' diamonds' }
</script>`))
console.log(`overlay on ${origins[0]}/`)

for await (const { data } of gifts) {
  total += data.diamonds
  await app.broadcast(JSON.stringify({ total, from: data.sender, gift: data.giftName }))
}
