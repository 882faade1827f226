// `node table/run.mjs <livetape> <target folder> --write|--check|--show [<part of the name of a client, a scenario, or `score`>…]`: runs clients
// in scenarios, and writes `docs/peers.md` and `expected.json`, compares them, or prints the cells.

import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { linesOf } from '../mock.mjs'
import { readBatches } from '../session.mjs'
import { COUNTED, runCell, SHOW } from './cell.mjs'
import { clients as all } from './clients.mjs'
import { differences, ranged, readCells, readDate, readScores, write, writeCells } from './document.mjs'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const DOCUMENT = path.join(root, 'docs/peers.md')
const CELLS = fileURLToPath(new URL('expected.json', import.meta.url))
const BOT = fileURLToPath(new URL('bot.mjs', import.meta.url))
/** How long all cases of a score may take, in ms. */
const SCORE_MS_MAX = 600_000
/** How many cells run at the same time. Most of the time they wait, but Python clients need a processor for seconds. */
const AT_ONCE = 6
/** The frames of the last 0.1 s: their acks can still be on their way when the stream ends. */
const FRAMES_AT_END = 3
/** Progress is printed after each so many cells. */
const PROGRESS_CELLS = 20
/** A cell that never ran. */
const MISSING = Array(8).fill('?')

const [livetape, target, ...rest] = process.argv.slice(2)
const [mode, ...only] = rest
const isWanted = ({ name }, scenario) => only.length === 0 || only.some((part) => name.includes(part) || scenario === part)

const files = await readdir(path.join(root, 'fixtures/scenarios'))
const scenarios = files.filter((file) => file.endsWith('.toml')).map((file) => file.replace('.toml', '')).sort()
const clients = all(path.resolve(target))
const cells = scenarios.flatMap((scenario) => clients.map((client) => ({ client, scenario }))).filter(({ client, scenario }) => isWanted(client, scenario))

const frames = readBatches(await linesOf(livetape, ['cat', SHOW.play, '--json'])).filter(({ needsAck }) => needsAck)
const ends = frames.slice(-FRAMES_AT_END).map(({ logId }) => logId)
const started = performance.now()
const document = await readFile(DOCUMENT, 'utf8').catch(() => '')
const expected = readCells(await readFile(CELLS, 'utf8').catch(() => '{}'))
const results = new Map(clients.map(({ name }) => [name, new Map()]))
const waiting = cells.values()
let done = 0
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  for (const { client, scenario } of waiting) {
    // Any failure of a cell is its text, so that it differs from the expected one.
    const texts = await runCell(path.resolve(livetape), client, scenario, ends).catch((error) => [`fails: ${error.message}`])
    results.get(client.name).set(scenario, ranged(client, scenario, texts))
    done += 1
    if (mode === '--show') console.log(`${client.name}, ${scenario}: ${texts.join(' | ')}`)
    else if (done % PROGRESS_CELLS === 0) console.error(`${done} of ${cells.length} cells`)
  }
}))

/** Returns the score of a client: how many cases of `livetape test --suite room` it passes, and the names of the others. */
async function scoreOf(livetape, target, { name, ca }) {
  const suite = ca ? '--mock-proxy' : '--suite=room'
  const numbers = ['--expect', 'chats: {chats}', '--expect', 'likes: {likes}']
  const args = ['test', 'demo', suite, '--json', ...numbers, '--', process.execPath, BOT, target, name]
  // A failed case is no error.
  const { stdout } = await promisify(execFile)(livetape, args, { cwd: root, timeout: SCORE_MS_MAX, maxBuffer: 64 << 20 }).catch((error) => error)
  const { cases } = JSON.parse(stdout)
  const failed = cases.filter(({ passed }) => !passed).map(({ name }) => `\`${name}\``).sort()
  return `${cases.length - failed.length} of ${cases.length} | ${failed.join(', ')}`
}

/** Scores run one after the other: `livetape test` already runs many rooms at once. */
const scores = readScores(document)
let date = readDate(document)
const differing = []
for (const client of clients) {
  if (only.length > 0 && !only.some((part) => client.name.includes(part) || part === 'score')) continue
  const score = await scoreOf(path.resolve(livetape), path.resolve(target), client).catch((error) => `fails: ${error.message}`)
  if (score !== scores.get(client.name)) differing.push(`${client.name}: ${score}; expected ${scores.get(client.name)}`)
  scores.set(client.name, score)
  if (mode === '--write') date = new Date().toISOString().slice(0, 10)
  console.error(`${client.name}: ${score}`)
}

console.error(`${cells.length} cells took ${Math.round((performance.now() - started) / 1000)} s`)

async function compare() {
  const lines = [...differences(expected, results), ...differing]
  if (lines.length === 0 && document !== (await newDocument(merged()))) lines.push('docs/peers.md: its text is not up to date')
  lines.forEach((line) => console.log(`FAIL ${line}`))
  console.log(`${cells.length} cells of clients and scenarios, ${lines.length} differences from expected.json`)
  process.exitCode = lines.length === 0 && cells.length > 0 ? 0 : 1
}

/** The expected cells with the new ones; cells that did not run stay as they are. */
function merged() {
  return new Map(clients.map((client) => {
    const { name } = client
    const cells = { ...Object.fromEntries(expected.get(name) ?? []), ...Object.fromEntries(results.get(name)) }
    return [name, new Map(scenarios.map((scenario) => [scenario, ranged(client, scenario, cells[scenario] ?? MISSING)]))]
  }))
}

async function newDocument(cells) {
  const events = await linesOf(livetape, ['events', SHOW.play, '--no-dedup', '--types', COUNTED.join()])
  return write(clients, cells, scores, date, COUNTED.map((type) => events.filter((event) => event.type === type).length))
}

if (mode === '--check') await compare()
else if (mode === '--write') {
  await writeFile(CELLS, writeCells(merged()))
  await writeFile(DOCUMENT, await newDocument(merged()))
}
