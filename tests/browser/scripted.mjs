// A server with a scripted feed, and with the pages and REST routes of a real livetape.

import http from 'node:http'
import { createRequire } from 'node:module'

const { WebSocketServer } = createRequire(new URL('../../packages/client/package.json', import.meta.url))('ws')

/** Forwards requests to `url` and calls `say(socket, query, visits)` for each feed; `socket` has `send` and `close`. */
export async function scripted(url, say) {
  const asked = []
  const server = http.createServer((request, response) => {
    const { hostname, port } = new URL(url)
    const onward = http.request({ hostname, port, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  const feeds = new WebSocketServer({ server })
  feeds.on('connection', (socket, request) => {
    const query = new URL(request.url, url).searchParams
    asked.push(query.get('since'))
    const send = (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message))
    say({ send, close: (...why) => socket.close(...why) }, query, asked.length)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    feeds.clients.forEach((socket) => socket.terminate())
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${server.address().port}`, asked, stop }
}

/** An event in the server's format. */
export const event = (seq, type, data, stream = 'aaaaaaaaaaaaaaaa') => ({
  type,
  username: 'host',
  data: { timestamp: '2026-01-01T00:00:00.000Z', ...data },
  id: String(seq),
  ts: '2026-01-01T00:00:00.000Z',
  replay: true,
  stream,
  seq,
})
