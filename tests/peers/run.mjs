// `node run.mjs <livetape> <python>`: the clients, all at the same time, each against mocks of its own.

import assert from 'node:assert/strict'
import path from 'node:path'

import { clients } from './clients.mjs'
import { decoded, readLog, records, runClient, text, untilLog, withMock } from './mock.mjs'
import { emittedBy, isLost, readBatches } from './session.mjs'

const [livetape, python] = process.argv.slice(2).map((program) => path.resolve(program))
const COMPARED = ['chat', 'gift', 'like']

/** The action of a control message that says so. */
const STREAM_ENDED = 3

/** The recordings that are played. The second ends with the stream. */
const SHOWS = await Promise.all(
  ['demo', 'gifts'].map(async (name) => ({
    name,
    batches: readBatches(await records(livetape, `${name}.bin`)),
    all: await decoded(livetape, `${name}.bin`),
    ends: name === 'gifts',
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

async function checkClient(client) {
  for (const show of SHOWS) {
    const play = `${show.name}.bin`
    await withMock(livetape, { scenario: 'stays-open', play }, (base) => checkShow(client, base, show))
  }
  for (const outcome of client.outcomes) await checkOutcome(client, outcome)
}

const runs = await Promise.allSettled(clients(python).map(checkClient))
const broken = runs.filter(({ status }) => status === 'rejected')
broken.forEach(({ reason }) => console.log(`FAIL ${reason.stack}`))
failures += broken.length
console.log(failures === 0 ? 'all clients are served' : `${failures} checks failed`)
process.exit(failures === 0 ? 0 : 1)
