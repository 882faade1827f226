// `node run.mjs <livetape> <target folder> [<version>=<path>…]`: the clients, all at the same time, each against mocks of its
// own.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import { until } from '../support/livetape.mjs'
import { linesFor } from './banner.mjs'
import { clients } from './clients.mjs'
import { decoded, linesOf, printedBy, readLog, runClient, runProgram, text, untilLog, withMock } from './mock.mjs'
import { emittedBy, isLost, readBatches } from './session.mjs'

const [livetape, target] = process.argv.slice(2, 4).map((place) => path.resolve(place))
/** Other clients to run instead of those that are installed: `VERSION=PATH`. */
const others = process.argv.slice(4)
const COMPARED = ['chat', 'gift', 'like', 'member']

/** The action of a control message that says so. */
const STREAM_ENDED = 3

const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-peers-'))
const END = path.join(folder, 'end.bin')
await printedBy(livetape, ['cut', 'recordings/gifts.bin', '--start', '2m24s', '--output', END])

/**
 * What is played: recordings that end with the stream, at each speed; at speed 1 only the last seconds, as `livetape mock`
 * plays them by default. `demo` does not end, and shows heartbeats.
 */
const SHOWS = await Promise.all(
  [
    { play: END, speed: '1', ends: true },
    { play: 'recordings/gifts.bin', speed: '60', ends: true },
    { play: 'recordings/gifts.bin', speed: 'max', ends: true },
    { play: 'recordings/demo.bin', scenario: 'stays-open', ends: false },
  ].map(async (show) => ({
    ...show,
    name: `${path.basename(show.play, '.bin')} at speed ${show.speed ?? 'max'}`,
    batches: readBatches(await linesOf(livetape, ['cat', show.play, '--json'])),
    all: await decoded(livetape, show.play),
  })),
)
let failures = 0

/** Runs one check, and prints one line for it. */
async function check(name, act) {
  try {
    console.log(`ok   ${name}: ${await act()}`)
  } catch (error) {
    failures += 1
    console.log(`FAIL ${name}: ${error.message}`)
  }
}

/** What is emitted, in order, and what the mock saw. */
async function checkShow(client, base, { name, batches, all, ends }) {
  const of = (what) => (entry) => entry.what === what
  const key = ({ log_id, internal_ext }) => `${log_id} ${internal_ext}`
  const acks = batches
    .filter((batch) => batch.needsAck && !isLost(client, batch))
    .map(({ logId, internalExt }) => key({ log_id: logId, internal_ext: client.acksExt ? internalExt : '' }))
  const missing = (log) => {
    const seen = new Set(log.filter(of('ack')).map(key))
    return acks.filter((ack) => !seen.has(ack))
  }
  // What a client acks it emits before it looks at anything else. 2.0.3 sends its first heartbeat after 10 s, so that a
  // show that ends may not see one.
  const until = () => untilLog(base, (log) => missing(log).length === 0 && log.some(of('heartbeat')))

  const lines = await runClient(client.command, base, 'demo', { until: ends ? undefined : until })
  await check(`${client.name} emits ${name}`, () => {
    const emitted = lines.filter(({ type }) => COMPARED.includes(type)).map(text)
    assert.deepEqual(emitted, emittedBy(client, batches, all))
    const ended = lines.filter(({ type }) => type === 'streamEnd').map(({ action }) => action)
    assert.deepEqual(ended, ends ? [STREAM_ENDED] : [], 'streamEnd')
    assert.equal(lines.at(-1)?.type, 'disconnected', JSON.stringify(lines.at(-1)))
    assert.equal(lines.filter(({ type }) => type === 'connected').length, 1, 'connected')
    const counts = COMPARED.map((type) => `${lines.filter((line) => line.type === type).length} ${type}s`)
    return `${counts.join(', ')} in order${ends ? ', and the end' : ''}`
  })
  await check(`${client.name} is seen (${name})`, async () => {
    const log = await readLog(base)
    assert.equal(missing(log).length, 0, `${missing(log).length} acks are missing, ${missing(log).at(0)}`)
    assert.ok(ends || log.some(of('heartbeat')), 'no heartbeat')
    assert.equal(log.some(of('enter')), client.entersRoom, 'enters the room')
    const count = (what) => log.filter(of(what)).length
    return `${count('ack')} acks, ${count('heartbeat')} heartbeats, ${count('enter')} times im_enter_room`
  })
}

/** The last line that a client prints in a scenario, for an order: what it threw, or answered. */
async function checkOutcome(client, [scenario, order, expected]) {
  await check(`${client.name} ${order} ${scenario}`, async () => {
    const run = (base) => runClient(client.command, base, 'demo', { order })
    const { causes = [], ...line } = (await withMock(livetape, { scenario }, run)).at(-1) ?? {}
    const { causes: wantedCauses = [], ...wanted } = { type: 'error', ...expected }
    const shown = JSON.stringify(line)
    assert.ok(Object.entries(wanted).every(([field, value]) => is(line[field], value)), shown)
    const areThose = causes.length === wantedCauses.length && causes.every((cause, index) => is(cause, wantedCauses[index]))
    assert.ok(areThose, `caused by ${JSON.stringify(causes)}`)
    return shown
  })
}

const is = (actual, wanted) => (typeof wanted === 'function' ? wanted(String(actual)) : actual === wanted)

/** What the mock shows for a client, pasted. */
async function checkBanner({ name, title, program, returnsEarly }) {
  const { play, all } = SHOWS[0]
  await check(`${name} runs what the mock shows`, () => withMock(livetape, { play, speed: '60' }, async (base, said) => {
    await until('the whole of what the mock shows', () => said().includes('Press Ctrl+C'))
    const lines = await runProgram(program(linesFor(title, said())))
    const count = (types) => lines.filter(({ type }) => types.includes(type)).length
    assert.equal(count(['streamEnd']), 1, 'streamEnd')
    assert.ok(returnsEarly ? count(COMPARED) > 0 : count(COMPARED) === all.length, `${count(COMPARED)} of ${all.length} events`)
    return `${count(COMPARED)} events, and the end`
  }))
}

async function checkClient(client) {
  for (const show of SHOWS) await withMock(livetape, show, (base) => checkShow(client, base, show))
  await checkBanner(client)
  for (const outcome of client.outcomes) await checkOutcome(client, outcome)
}

const runs = await Promise.allSettled(clients(target, others).map(checkClient))
const broken = runs.filter(({ status }) => status === 'rejected')
broken.forEach(({ reason }) => console.log(`FAIL ${reason.stack}`))
failures += broken.length
console.log(failures === 0 ? 'all clients are served' : `${failures} checks failed`)
await rm(folder, { recursive: true })
process.exit(failures === 0 ? 0 : 1)
