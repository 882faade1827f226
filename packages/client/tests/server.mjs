// Starts livetape as a process, on a port that is free, in a folder of its own; and a proxy that cuts connections.

import { spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** How long a start may take, in ms: the machine may be busy. */
const START_MS = 30_000
/** What stands in the environment and could change what a server does. */
const OWN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LIVETAPE_')))

export const LIVETAPE = path.resolve(process.env.LIVETAPE ?? fileURLToPath(new URL('../../../target/debug/livetape', import.meta.url)))
export const recording = (name) => fileURLToPath(new URL(`../../../recordings/${name}.bin`, import.meta.url))

/** A server that runs: its addresses, and how it is ended. `recordings/x.bin` is put into its folder. */
export async function start(livetape, args, env = {}) {
  const cwd = await mkdtemp(path.join(os.tmpdir(), 'livetape-client-'))
  for (const [, name] of args.map((arg) => /^recordings\/(\w+)\.bin$/.exec(arg)).filter(Boolean)) {
    await mkdir(path.join(cwd, 'recordings'), { recursive: true })
    await copyFile(recording(name), path.join(cwd, 'recordings', `${name}.bin`))
  }
  const child = spawn(livetape, args, { cwd, env: { ...OWN, NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)))
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`livetape ${args.join(' ')} does not start:\n${said}`)), START_MS)
    const read = (chunk) => {
      said += chunk
      const found = /https?:\/\/127\.0\.0\.1:\d+/.exec(said)
      if (!found) return
      clearTimeout(timer)
      resolve(found[0])
    }
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', read)
    void ended.then(() => reject(new Error(`livetape ${args.join(' ')} ended:\n${said}`)))
  })
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal)
    const code = await ended
    await rm(cwd, { recursive: true, force: true })
    return code
  }
  return { url, ws: url.replace('http', 'ws'), port: Number(new URL(url).port), pid: child.pid, ended, stop, said: () => said }
}

/** Runs `use` beside `livetape …args`. */
export async function withServer(livetape, args, use, env) {
  const server = await start(livetape, args, env)
  try {
    return await use(server)
  } finally {
    await server.stop()
  }
}

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

/** Waits until `probe` gives something. */
export async function until(what, probe, ms = 15_000) {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await probe()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The next time that the client says so, and what. */
export const once = (client, name) => new Promise((resolve) => client.once(name, (...args) => resolve(args)))
