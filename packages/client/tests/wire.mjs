// A proxy that cuts connections, and what a client says next.

import net from 'node:net'

/** A proxy that passes bytes on, to whatever `target` says, and can cut all connections without a goodbye. */
export async function proxy(target) {
  const pairs = new Set()
  const server = net.createServer((near) => {
    const far = net.connect(target(), '127.0.0.1')
    const pair = { near, far, isHalf: false }
    pairs.add(pair)
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => undefined)
      one.on('close', () => {
        if (pair.isHalf && one === near) return
        other.destroy()
        pairs.delete(pair)
      })
      one.pipe(other, { end: false })
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const cut = () => pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.resetAndDestroy()))
  /** As when a cable is pulled: the server knows nothing of it. */
  const halve = () => pairs.forEach((pair) => ((pair.isHalf = true), pair.near.resetAndDestroy()))
  return {
    ws: `ws://127.0.0.1:${port}`,
    cut,
    halve,
    close: () => (cut(), new Promise((resolve) => server.close(resolve))),
  }
}

/** The next time that the client says so, and what. */
export const once = (client, name) => new Promise((resolve) => client.once(name, (...args) => resolve(args)))
