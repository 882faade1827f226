// A proxy that breaks connections, and a helper that waits for a client's next event.

import net from 'node:net'

/**
 * Forwards bytes to the server that `target` returns, and can break all connections without a closing handshake. With
 * `bytes`, each breaks after as many as it returns from the server: how many breaks there are does not depend on the machine.
 */
export async function proxy(target, { bytes = () => Infinity } = {}) {
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
    }
    near.pipe(far, { end: false })
    let left = bytes()
    far.on('data', (data) => {
      const part = data.subarray(0, left)
      left -= part.length
      if (left > 0 && near.write(part)) return
      far.pause()
      if (left > 0) near.once('drain', () => far.resume())
      // What was sent before the break arrives.
      else near.end(part, () => near.destroy())
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const cut = () => pairs.forEach(({ near, far }) => [near, far].forEach((socket) => socket.resetAndDestroy()))
  /** Breaks connections as if a cable were pulled: the server does not notice. */
  const halve = () => pairs.forEach((pair) => ((pair.isHalf = true), pair.near.resetAndDestroy()))
  return {
    ws: `ws://127.0.0.1:${port}`,
    cut,
    halve,
    close: () => (cut(), new Promise((resolve) => server.close(resolve))),
  }
}

/** Waits for the client's next event of a name and returns its arguments. */
export const once = (client, name) => new Promise((resolve) => client.once(name, (...args) => resolve(args)))
