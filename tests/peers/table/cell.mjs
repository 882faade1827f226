// A cell of the table: an unmodified client in a scenario.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { readLog, withMock } from '../mock.mjs'

const peers = fileURLToPath(new URL('..', import.meta.url))
/** The recording of every room. At this speed it takes 5 s, which leaves time for a reconnect. */
export const SHOW = { play: 'recordings/gifts.bin', speed: '30' }
/** How long a client may do nothing, in ms. After that it is asked to disconnect. */
const SILENT_MS = 25_000
/** How long it may take to start, in ms: on a busy machine, Python needs half a minute. */
const START_MS_MAX = 120_000
/** How long it may run, in ms, if it keeps doing something. */
const CELL_MS_MAX = 60_000
/** How long it may take to disconnect, in ms. */
const LEAVE_MS = 5_000
/** How often the mock's log is read, in ms. */
const POLL_MS = 500
export const COUNTED = ['chat', 'gift', 'like', 'member']

/** Runs a client in a scenario of `fixtures/scenarios` and returns the texts of its row, without the names of both. `ends` are the log ids of the recording's last frames. */
export function runCell(livetape, client, scenario, ends) {
  const { ca } = client
  return withMock(livetape, { ...SHOW, scenario, ca }, async (base, said) => {
    const run = await runFor(client, ca ? proxied(ca, said()) : { base }, base)
    const log = await readLog(base)
    const counts = COUNTED.map((type) => run.lines.filter((line) => line.type === type).length)
    return [...counts, acks(log, ends), ...sockets(log), ending(run, log)].map(String)
  })
}

/** The proxy of a mock, and the variables that let clients trust it. */
function proxied(ca, said) {
  const file = path.join(ca, 'ca.pem')
  return { base: /Proxy .* on (\S+)/.exec(said)[1], env: { SSL_CERT_FILE: file, REQUESTS_CA_BUNDLE: file } }
}

/**
 * Counts the acks before that of the last frame. At the end of the stream, a client may disconnect before it sends the last ones:
 * if only some at the end are missing, they count.
 */
function acks(log, ends) {
  const ids = ackedFrames(log)
  const at = ends.findLastIndex((id) => ids.includes(id))
  return at < 0 ? ids.length : ids.indexOf(ends[at]) + ends.length - 1 - at
}

/** Runs a client until it exits, or until its time is over. */
async function runFor({ command: [program, ...args] }, { base, env = {} }, mock) {
  const child = spawn(program, [...args, base, 'demo'], { cwd: peers, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'ignore'] })
  const lines = []
  createInterface(child.stdout).on('line', (line) => line.startsWith('{') && lines.push(JSON.parse(line)))
  child.stdin.on('error', () => {})
  const closed = once(child, 'close')
  const isLate = await Promise.race([closed.then(() => false), untilSilent(child, lines, mock).then(() => true)])
  const kill = isLate && (child.stdin.end(), setTimeout(() => child.kill('SIGKILL'), LEAVE_MS))
  const [code] = await closed
  clearTimeout(kill)
  return { lines, code, isLate }
}

/** Waits until a client does nothing: it emits no event and no error, and sends neither a request nor the ack of a frame. */
async function untilSilent(child, lines, mock) {
  let [size, since, end] = [0, performance.now(), Infinity]
  while (child.exitCode === null) {
    const log = await readLog(mock)
    const now = performance.now()
    const grown = lines.length + log.filter(({ what }) => what === 'request').length + ackedFrames(log).length
    if (grown !== size) [size, since, end] = [grown, now, Math.min(end, now + CELL_MS_MAX)]
    if (now > end || now - since > (size ? SILENT_MS : START_MS_MAX)) return
    await sleep(POLL_MS)
  }
}

/** The log ids of acks. Those without one answer heartbeats, whose number depends on how long a client runs. */
const ackedFrames = (log) => log.filter(({ what, log_id }) => what === 'ack' && log_id !== '0').map(({ log_id }) => log_id)

const isUpgrade = ({ what, headers = [] }) => what === 'request' && headers.some(([name, value]) => name === 'upgrade' && /websocket/i.test(value))

/** Returns the number of sockets that were requested, and the time from the end of the first to the second. */
function sockets(log) {
  const requests = log.filter(isUpgrade)
  if (requests.length < 2) return [requests.length, '']
  const [first, second] = requests
  const end = log.find(({ what, connection }) => what === 'closed' && connection === first.connection) ?? first
  return [requests.length, `${Math.round((second.at_ms - end.at_ms) / 1000)} s`]
}

/** Describes how a run ended: the class of its error, or what else happened. */
function ending({ lines, code, isLate }, log) {
  const last = (type) => lines.findLast((line) => line.type === type)
  const problem = lines.find(({ type }) => type === 'problem')
  const error = last('error')
  if (error) return `\`${error.class}\``
  const end = last('streamEnd') ? 'end of stream' : isLate ? waiting(log) : code !== 0 ? `exits with ${code ?? 'a signal'}` : 'disconnected'
  return problem ? `${end}, reports \`${problem.class}\`` : end
}

function waiting(log) {
  if (isOpen(log)) return 'stays connected'
  return log.filter(isUpgrade).length > 1 ? 'keeps trying' : 'waits'
}

/** Whether the client itself closed the last socket, or nobody did. */
function isOpen(log) {
  const opened = log.findLast(({ what }) => what === 'upgrade')
  const closed = log.find(({ what, connection }) => what === 'closed' && connection === opened?.connection)
  return Boolean(opened) && (!closed || closed.by === 'client')
}
