// Starts livetape as a process, on a port that is free, in a folder of its own.

import { spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

const RECORDINGS = new URL('../../recordings/', import.meta.url)
/** How long a start may take, in ms: the machine may be busy. */
const START_MS = 30_000

/** Runs `use` beside `livetape …args`; `use` gets its address. The folder holds `recordings/short.bin`. */
export async function withServer(livetape, args, use, { env = {}, folder } = {}) {
  const cwd = folder ?? (await mkdtemp(path.join(os.tmpdir(), 'livetape-browser-')))
  await mkdir(path.join(cwd, 'recordings'), { recursive: true })
  for (const name of ['short', 'gifts']) {
    await copyFile(new URL(`${name}.bin`, RECORDINGS), path.join(cwd, 'recordings', `${name}.bin`))
  }
  const server = await start(livetape, args, { cwd, env })
  try {
    return await use({ ...server, cwd })
  } finally {
    await server.stop()
    if (!folder) await rm(cwd, { recursive: true, force: true })
  }
}

/** A server that runs: its address, and how it is ended. */
export async function start(livetape, args, { cwd, env = {} }) {
  const child = spawn(livetape, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  const ended = new Promise((resolve) => child.on('close', resolve))
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`livetape ${args.join(' ')} does not start:\n${said}`)), START_MS)
    const read = (chunk) => {
      said += chunk
      const found = /https?:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(said)
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
    await ended
  }
  return { url, port: new URL(url).port, stop, said: () => said }
}

/** Asks the server itself, beside the page. */
export async function ask(url, address, init) {
  const response = await fetch(new URL(address, url), init)
  return response.json()
}

/** Waits until `probe` gives something. */
export async function until(what, probe, ms = 10_000) {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await probe()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
