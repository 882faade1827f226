// Runs mocks and clients, and decodes recordings with livetape.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { withServer } from '../support/livetape.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = path.join(here, '../..')
/** Timeout of a client that prints nothing, in ms: on a busy machine Python takes long to start. */
const CLIENT_MS_MAX = 150_000
/** Polling interval of the log, in ms. */
const POLL_MS = 50

/**
 * Runs `act` with the URL and the output of a new mock, then stops the mock. `scenario` names a file in `fixtures/scenarios`. With `ca`, the
 * folder of its CA, the mock is also a proxy.
 */
export function withMock(livetape, { scenario, play, speed, ca }, act) {
  const args = ['mock', '--port', '0']
  if (scenario) args.push('--scenario', `fixtures/scenarios/${scenario}.toml`)
  if (play) args.push('--play', play)
  if (speed) args.push('--speed', speed)
  if (ca) args.push('--proxy-listen', '127.0.0.1:0', '--ca-dir', ca)
  return withServer(livetape, args, async ({ url, isRunning, ended, said }) => {
    const result = await act(url, said)
    if (!isRunning()) throw new Error(`the mock exited early with ${await ended}:\n${said()}`)
    return result
  }, { cwd: root })
}

/** Runs a program in the folder of the clients and returns its lines of JSON. */
export async function runProgram([program, ...args]) {
  const { stdout } = await promisify(execFile)(program, args, { cwd: here, timeout: CLIENT_MS_MAX })
  return stdout.trim().split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
}

/** Runs a client and returns its lines. Closing its stdin disconnects it, once `until` resolves. */
export async function runClient(command, base, user, { order, until } = {}) {
  const args = [...command.slice(1), base, user, ...(order ? [order] : [])]
  const child = spawn(command[0], args, { cwd: here, stdio: ['pipe', 'pipe', 'pipe'] })
  const [lines, complaints] = [[], []]
  // On a busy machine a whole show takes long, but a client that works prints something meanwhile.
  const silence = setTimeout(() => child.kill(), CLIENT_MS_MAX)
  const read = (stream, take) => createInterface(stream).on('line', (line) => (silence.refresh(), take(line)))
  read(child.stdout, (line) => lines.push(JSON.parse(line)))
  read(child.stderr, (line) => complaints.push(line))
  const closed = once(child, 'close').finally(() => clearTimeout(silence))
  if (until) {
    // If a client exits early, the comparison will report it.
    await Promise.race([until(), closed]).finally(() => child.stdin.end())
  }
  const [code, signal] = await closed
  if (code !== 0) throw new Error(`${command.join(' ')} exited with ${signal ?? code}:\n${complaints.join('\n')}`)
  return lines
}

/** Waits until the mock's log satisfies a condition. */
export async function untilLog(base, isWanted) {
  const deadline = Date.now() + CLIENT_MS_MAX
  for (;;) {
    const log = await readLog(base)
    if (isWanted(log)) return
    if (Date.now() > deadline) throw new Error(`timed out waiting for the mock's log, which ends with:\n${tail(log)}`)
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

/** Returns the output of a livetape command. */
export async function printedBy(livetape, args) {
  const { stdout } = await promisify(execFile)(livetape, args, { cwd: root, maxBuffer: 64 << 20 })
  return stdout
}

/** Returns the output of a livetape command, parsed as one JSON value per line. */
export async function linesOf(livetape, args) {
  const stdout = await printedBy(livetape, args)
  return stdout.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line))
}

/** Decodes a recording with livetape, without deduplication; each event is one line of text. */
export async function decoded(livetape, recording) {
  const events = await linesOf(livetape, ['events', recording, '--no-dedup', '--types', 'chat,gift,like,member'])
  return events.map(({ type, id, data }) => text({ ...data, type, id }))
}

/** A chat, gift, like or join as text, for comparison. */
export function text({ type, id, comment, giftId, repeatCount, likeCount }) {
  return JSON.stringify({ type, id, comment, giftId, repeatCount, likeCount })
}
