// `node run.mjs <livetape> <target folder> [<version>=<path>…]`: runs all clients at the same time, each against its own mocks.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import { check, finish } from '../support/checks.mjs'
import { until } from '../support/livetape.mjs'
import { clients, linesFor } from './clients.mjs'
import { decoded, linesOf, printedBy, readLog, runClient, runProgram, text, untilLog, withMock } from './mock.mjs'
import { emittedBy, isLost, readBatches } from './session.mjs'

const [livetape, target] = process.argv.slice(2, 4).map((place) => path.resolve(place))
/** Clients to run instead of the installed ones, as `VERSION=PATH`. */
const others = process.argv.slice(4)
const COMPARED = ['chat', 'gift', 'like', 'member']

/** The action of a control message at the end of a stream. */
const STREAM_ENDED = 3

const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-peers-'))
const END = path.join(folder, 'end.bin')
await printedBy(livetape, ['cut', 'recordings/gifts.bin', '--from', '2m24s', '--output', END])

/**
 * What the mocks play. Recordings with an end run at each speed; at speed 1, the default of `livetape mock`, only their last seconds.
 * `demo` does not end, which leaves time for heartbeats.
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

/** Checks the client's events and their order, and the mock's log. */
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
  // A client emits the events of a frame before it handles the next one, so acks are enough to wait for. 2.0.3 sends its first heartbeat
  // after 10 s, so a recording that ends may not see one.
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
  await check(`${client.name} acks ${name}`, async () => {
    const log = await readLog(base)
    assert.equal(missing(log).length, 0, `${missing(log).length} missing acks, first ${missing(log).at(0)}`)
    assert.ok(ends || log.some(of('heartbeat')), 'no heartbeat')
    assert.equal(log.some(of('enter')), client.entersRoom, 'enters the room')
    const count = (what) => log.filter(of(what)).length
    return `${count('ack')} acks, ${count('heartbeat')} heartbeats, ${count('enter')} im_enter_room`
  })
}

/** Checks the error or answer of a client in a scenario, which is its last line. */
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

/** Runs the snippet that the mock prints for a client. */
async function checkBanner({ name, title, program, returnsEarly }) {
  const { play, all } = SHOWS[0]
  await check(`${name} runs the mock's snippet`, () => withMock(livetape, { play, speed: '60' }, async (base, said) => {
    await until('the end of the banner', () => said().includes('Press Ctrl+C'))
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

await Promise.all(clients(target, others).map((client) => checkClient(client).catch((error) => check(client.name, () => Promise.reject(error)))))
await rm(folder, { recursive: true })
finish('all checks passed')
