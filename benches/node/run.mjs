// Runs the servers of `cargo xtask bench node` in turn, and compares what the same clients cost them. Needs Linux.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const option = (name, otherwise) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : otherwise)
const JSON_ONLY = process.argv.includes('--json')
const ROUNDS = Number(option('--rounds', 5))
/** Share of the messages to send: small numbers try out the benchmark. */
const SCALE = Number(option('--scale', 1))
const SERVERS = ['livetape', 'ws']

/** Points, the figure that has a bar, and the maximum or minimum ratio of livetape's to that of `ws`. */
const POINTS = [
  { name: 'echo, one message in flight', mode: 'echo', connections: 100, inFlight: 1, messages: 200_000, figure: 'per_second', bar: 0.8 },
  { name: 'echo, 16 in flight', mode: 'echo', connections: 100, inFlight: 16, messages: 600_000, figure: 'per_second', bar: 0.8 },
  { name: 'broadcast to 1,000, 50 a second', mode: 'broadcast', connections: 1_000, inFlight: 1, messages: 250, perSecond: 50, figure: 'cpu_us', bar: 1 },
  { name: 'broadcast to 1,000, one in flight', mode: 'broadcast', connections: 1_000, inFlight: 1, messages: 500, figure: 'cpu_us', bar: 0.8 },
  { name: 'broadcast to 1,000, ten from each callback', mode: 'broadcast', connections: 1_000, inFlight: 1, messages: 100, burst: 10, figure: 'cpu_us', bar: 0.2 },
  { name: 'broadcast to 1,000, 16 in flight', mode: 'broadcast', connections: 1_000, inFlight: 16, messages: 1_000, figure: 'cpu_us', bar: 0.4 },
]
/** Maximum ratio of the memory of a connection. */
const MEMORY_BAR = 1

const say = (line) => JSON_ONLY || console.log(line)
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1]
const rounded = (value) => Math.round(value * 1e4) / 1e4
const spread = (values) => `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`

/** Returns the CPU time of all threads of a process, in µs. */
function cpu(pid) {
  const times = readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'latin1'))
  return times.reduce((sum, time) => sum + Number(time.split(' ')[0]) / 1e3, 0)
}

/** Returns the resident memory of a process, in KiB. */
const resident = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1])

/** Starts a script of this folder; `line()` returns the next line of its output. */
function start(script, ...args) {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...args.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => {
    const { value } = await lines.next()
    if (value === undefined) throw new Error(`${script} exited early`)
    return value
  }
  return { child, line }
}

async function measure(kind, { mode, connections, inFlight, messages, perSecond = 0, burst = 1 }) {
  const server = start('servers.mjs', kind, mode, burst)
  try {
    const port = await server.line()
    await rest(300)
    const { pid } = server.child
    const alone = resident(pid)
    const load = start('load.mjs', mode, port, connections, inFlight, Math.max(1, Math.round(messages * SCALE)), perSecond, burst)
    await load.line()
    await rest(300)
    const [idle, before] = [resident(pid), cpu(pid)]
    load.child.stdin.write('go\n')
    const { seconds, done, p50, p99 } = JSON.parse(await load.line())
    const used = cpu(pid) - before
    const each = (kib) => (kib - alone) / connections
    return { cpu_us: used / done, per_second: done / seconds, p50_ms: p50, p99_ms: p99, idle_kib: each(idle), busy_kib: each(resident(pid)) }
  } finally {
    server.child.kill()
  }
}

/** Runs a point in alternating rounds, and prints and returns its figures. */
async function compare(point) {
  const all = { livetape: [], ws: [] }
  for (let round = 0; round < ROUNDS; round++) for (const kind of SERVERS) all[kind].push(await measure(kind, point))
  say(`${point.name}: medians`)
  say(`  ${''.padEnd(9)}${['CPU µs', 'per second', 'p50 ms', 'p99 ms', 'idle KiB', 'busy KiB'].map((name) => name.padStart(12)).join('')}`)
  const names = ['cpu_us', 'per_second', 'p50_ms', 'p99_ms', 'idle_kib', 'busy_kib']
  for (const kind of SERVERS) say(`  ${kind.padEnd(9)}${names.map((name) => median(all[kind].map((it) => it[name])).toFixed(2).padStart(12)).join('')}`)
  // Ratios are taken within each round, because a disturbance usually affects both sides.
  const ratios = (name) => all.livetape.map((it, round) => it[name] / all.ws[round][name])
  const bar = (name, bar, isMinimum) => {
    const met = isMinimum ? median(ratios(name)) >= bar : median(ratios(name)) <= bar
    say(`  ${`${name} by ws`.padEnd(20)} ${spread(ratios(name))}, bar ${bar}: ${met ? 'met' : 'missed'}`)
    return met
  }
  for (const name of ['cpu_us', 'per_second', 'p99_ms'].filter((name) => name !== point.figure)) say(`  ${`${name} by ws`.padEnd(20)} ${spread(ratios(name))}`)
  const met = [bar(point.figure, point.bar, point.figure === 'per_second')]
  // With fewer connections, the heap of Node would outweigh them.
  if (point.connections >= 1_000) met.push(bar('busy_kib', MEMORY_BAR, false))
  const servers = Object.fromEntries(SERVERS.map((kind) => [kind, Object.fromEntries(names.map((name) => [name, all[kind].map((it) => rounded(it[name]))]))]))
  return { point: point.name, servers, ratios: Object.fromEntries(names.map((name) => [name, rounded(median(ratios(name)))])), figure: point.figure, bar: point.bar, met }
}

/** Compares the fastest and the average piece of fixed work: other programs slow down some pieces. */
function calibrate() {
  const pieces = Array.from({ length: 60 }, () => {
    const started = performance.now()
    let state = 1
    for (let i = 0; i < 1_000_000; i++) state = (Math.imul(state, 1664525) + 1013904223) | 0
    return performance.now() - started + (state === 0 ? 1 : 0)
  }).slice(10)
  return pieces.reduce((sum, piece) => sum + piece, 0) / pieces.length / Math.min(...pieces)
}

const before = calibrate()
const points = []
for (const point of POINTS) points.push(await compare(point))
const disturbed = Math.max(before, calibrate())
const machine = `${cpus().length} × ${cpus()[0]?.model}, ${process.platform} ${release()}, Node ${process.versions.node}`
if (JSON_ONLY) console.log(JSON.stringify({ bench: 'node', date: new Date().toISOString(), machine, disturbed: rounded(disturbed), points }, null, 2))
else if (disturbed > 1.15) console.log(`the machine is BUSY: a fixed loop took ${disturbed.toFixed(2)}× its best; only the ratios are meaningful`)
