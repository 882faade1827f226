// A feed without a server, for tests that choose every event.

import { once } from 'node:events'

import { WebSocketServer } from 'ws'

import { BACKDROP, example, open } from './pages.mjs'

/** Starts a feed: `send` broadcasts an event, `show` opens an overlay that reads it. */
export async function feedOf(browser) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  let seq = 0
  const send = (type, data) => {
    const text = JSON.stringify({ type, username: 'host', data, ts: '', replay: true, stream: 'ab', seq: (seq += 1) })
    server.clients.forEach((socket) => socket.send(text))
  }
  const gift = (streak, more = {}) => {
    const data = { sender: 'ann', giftName: 'Rose', repeatCount: 1, repeatDelta: 1, diamondCount: 1, isFinal: true, streakId: streak, ...more }
    send('gift', { ...data, diamonds: data.diamondCount * data.repeatDelta })
  }
  const close = () => (server.clients.forEach((socket) => socket.terminate()), server.close())
  /** Opens an overlay that reads this feed. */
  const show = async (name, options = {}, size = {}) => {
    const reader = 'url' in options ? undefined : once(server, 'connection')
    const visit = await open(browser, example(`overlays/${name}.html`, { url: `ws://127.0.0.1:${server.address().port}/`, ...options }), { backdrop: BACKDROP, ...size })
    await reader
    return visit
  }
  return { send, gift, show, close, host: `127.0.0.1:${server.address().port}` }
}
