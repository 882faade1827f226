// A server with a scripted feed, and with the pages and REST routes of a real livetape.

import { createHash } from 'node:crypto'
import http from 'node:http'

/** Forwards requests to `url` and calls `say(socket, query)` for each feed; `socket` has `send` and `close`. */
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
  const sockets = new Set()
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket)).resume()
    const query = new URL(request.url, url).searchParams
    asked.push(query.get('since'))
    say(
      {
        send: (message) => socket.write(frame(1, Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)))),
        close: (code, reason = '') => {
          const body = Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason)])
          socket.end(frame(8, body))
        },
      },
      query,
      asked.length,
    )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    sockets.forEach((socket) => socket.destroy())
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${server.address().port}`, asked, stop }
}

function frame(opcode, body) {
  const size = body.length
  const head =
    size < 126 ? Buffer.of(0x80 | opcode, size)
    : size < 65_536 ? Buffer.of(0x80 | opcode, 126, size >> 8, size & 255)
    : Buffer.concat([Buffer.of(0x80 | opcode, 127), (() => { const long = Buffer.alloc(8); long.writeBigUInt64BE(BigInt(size)); return long })()])
  return Buffer.concat([head, body])
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
