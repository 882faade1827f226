// A mock of ours, the clients against it, and what livetape itself makes of a recording.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { withServer } from '../support/livetape.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = path.join(here, '../..')
/** Longest that one client may take, in milliseconds: 2.0.3 sends its first heartbeat after 10 s. */
const CLIENT_MS_MAX = 60_000
/** How often the log is read while waiting, in milliseconds. */
const POLL_MS = 50

/** Runs `act` with the address of a new mock, of a scenario of `fixtures/scenarios`, and ends the mock. */
export function withMock(livetape, { scenario, play }, act) {
  const args = ['mock', '--scenario', `fixtures/scenarios/${scenario}.toml`, '--port', '0']
  if (play) args.push('--play', `recordings/${play}`)
  return withServer(livetape, args, async ({ url, isRunning, ended, said }) => {
    const result = await act(url)
    if (!isRunning()) throw new Error(`the mock ended meanwhile, with ${await ended}:\n${said()}`)
    return result
  }, { cwd: root })
}

/** The lines that a client printed. The end of its stdin disconnects it: when `until` is fulfilled, or never. */
export async function runClient(command, base, user, { order, until } = {}) {
  const args = [...command.slice(1), base, user, ...(order ? [order] : [])]
  const child = spawn(command[0], args, { cwd: here, stdio: ['pipe', 'pipe', 'pipe'], timeout: CLIENT_MS_MAX })
  const [lines, complaints] = [[], []]
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line)))
  createInterface(child.stderr).on('line', (line) => complaints.push(line))
  const closed = once(child, 'close')
  if (until) {
    // A client that ends early is what the comparison is there to tell.
    await Promise.race([until(), closed]).finally(() => child.stdin.end())
  }
  const [code, signal] = await closed
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${signal ?? code}:\n${complaints.join('\n')}`)
  return lines
}

/** Waits until the mock's log is as wanted. */
export async function untilLog(base, isWanted) {
  const deadline = Date.now() + CLIENT_MS_MAX
  for (;;) {
    const log = await readLog(base)
    if (isWanted(log)) return
    if (Date.now() > deadline) throw new Error(`the mock did not see it; its last lines:\n${tail(log)}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

const tail = (log) => log.slice(-5).map((line) => JSON.stringify(line)).join('\n')

export async function readLog(base) {
  const response = await fetch(`${base}/__admin/log`)
  if (!response.ok) throw new Error(`/__admin/log: ${response.status}`)
  const { entries } = await response.json()
  return entries
}

/** livetape's decode before dedup, each event as one line of text. */
export async function decoded(livetape, recording) {
  const events = await lines(livetape, 'events', recording, '--no-dedup', '--types', 'chat,gift,like')
  return events.map(({ type, id, data }) => text({ ...data, type, id }))
}

/** The records of a recording. */
export const records = (livetape, recording) => lines(livetape, 'cat', recording, '--json')

async function lines(livetape, command, recording, ...flags) {
  const args = [command, path.join(root, 'recordings', recording), ...flags]
  const { stdout } = await promisify(execFile)(livetape, args, { maxBuffer: 64 << 20 })
  return stdout.trim().split('\n').map((line) => JSON.parse(line))
}

/** A chat, gift or like of anybody, as text to compare. */
export function text({ type, id, comment, giftId, repeatCount, likeCount }) {
  return JSON.stringify({ type, id, comment, giftId, repeatCount, likeCount })
}
