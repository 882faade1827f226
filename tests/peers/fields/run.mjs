// `node fields/run.mjs <livetape> <target folder> --write|--check`: decodes every payload of `fixtures/webcast` and `recordings` with livetape and
// the newest clients, and writes `docs/fields.md` and `expected.json`, or compares them. A difference needs a reason in `document.mjs`.

import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { linesOf, printedBy } from '../mock.mjs'
import { readBatches } from '../session.mjs'
import { compare, flat, takePeople } from './compare.mjs'
import { reasonFor, unused, write, writeExpected } from './document.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const root = here('../../..')
const DOCUMENT = path.join(root, 'docs/fields.md')
const EXPECTED = here('expected.json')
/** Distance of messages in the recording that has them all, in ms: their events are found by their time. */
const STEP_MS = 1000

const [livetape, target, mode] = process.argv.slice(2)
const CLIENTS = new Map([
  ['tiktok-live-connector 2.5.0', [process.execPath, here('decode.mjs'), path.resolve(target, 'peers-2.5.0/node_modules/tiktok-live-connector')]],
  ['TikTokLive 7.0.1', [path.resolve(target, 'peers-7.0.1/bin/python'), here('decode.py')]],
])

/** Returns each different message once. */
async function messages() {
  const found = new Map()
  const add = (method, payload) => found.set(`${method} ${payload}`, { method, payload })
  const fixtures = await readFile(path.join(root, 'fixtures/webcast/messages.jsonl'), 'utf8')
  for (const line of fixtures.trim().split('\n')) {
    const { method, payload } = JSON.parse(line)
    add(method, payload)
  }
  const { stdout } = await promisify(execFile)('git', ['ls-files', 'recordings/*.bin'], { cwd: root })
  for (const recording of stdout.trim().split('\n')) {
    for (const batch of readBatches(await linesOf(livetape, ['cat', recording, '--json']))) {
      for (const { type, payload } of batch.messages) add(type, Buffer.from(payload).toString('base64'))
    }
  }
  return [...found.values()]
}

/** Returns the event of each message. */
async function eventsOf(all) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-fields-'))
  const [capture, recording] = ['all.jsonl', 'all.bin'].map((name) => path.join(folder, name))
  await writeFile(capture, all.map((message, index) => `${JSON.stringify({ offset_ms: index * STEP_MS, ...message })}\n`).join(''))
  await printedBy(livetape, ['import', capture, '--output', recording, '--user', 'demo', '--room', '7'])
  const [opened, ...events] = await linesOf(livetape, ['events', recording, '--no-dedup'])
  await rm(folder, { recursive: true })
  const found = Array(all.length)
  // A message can have a second event, made of the first.
  for (const event of events) found[(Date.parse(event.ts) - Date.parse(opened.ts)) / STEP_MS] ??= event
  return found
}

async function decodedBy([program, ...args], all) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  Readable.from(all.map((message) => `${JSON.stringify(message)}\n`)).pipe(child.stdin)
  const lines = (await text(child.stdout)).trim().split('\n').map((line) => JSON.parse(line))
  if (lines.length !== all.length) throw new Error(`${program} decoded ${lines.length} of ${all.length} messages`)
  return lines
}

/** Compares the events with what a client decoded. Returns the kinds, and numbers of messages that only we can decode. */
function compareAll(all, events, decoded) {
  const kinds = new Map()
  const add = (kind, ours, theirs) => kinds.set(kind, [...(kinds.get(kind) ?? []), { ours: flat(ours), theirs: flat(theirs) }])
  const [people, unknown, failed] = [new Map(), new Map(), new Map()]
  events.forEach((event, index) => {
    if (!event) return
    const theirs = decoded[index]
    if (!theirs) {
      const numbers = theirs === false ? failed : unknown
      numbers.set(all[index].method, (numbers.get(all[index].method) ?? 0) + 1)
      return
    }
    const data = structuredClone(event.data)
    for (const pair of takePeople(data, theirs)) people.set(JSON.stringify(pair), pair)
    add(event.type, { id: event.id, ...data }, theirs)
  })
  for (const [{ badges, ...ours }, theirs] of people.values()) {
    badges.forEach((badge, index) => add('badge', badge, theirs.badgeList[index]))
    add('user', ours, theirs)
  }
  const sorted = [...kinds].sort(([one], [other]) => (one < other ? -1 : 1))
  return { unknown, failed, kinds: new Map(sorted.map(([kind, rows]) => [kind, { messages: rows.length, fields: compare(rows) }])) }
}

const all = await messages()
const [events, ...decoded] = await Promise.all([eventsOf(all), ...[...CLIENTS.values()].map((command) => decodedBy(command, all))])
const results = new Map([...CLIENTS.keys()].map((client, index) => [client, compareAll(all, events, decoded[index])]))

const problems = []
const used = new Set()
for (const [client, { kinds }] of results) {
  for (const [kind, { fields }] of kinds) {
    for (const [field, found] of fields) {
      if (found.is !== 'differs') continue
      const reason = reasonFor(`${kind}.${field}`)
      if (reason) used.add(reason)
      else problems.push(`${client}, ${kind}.${field}: no reason in document.mjs; ${found.with} has it in ${found.agreeing} messages, but there is ${JSON.stringify(found.first)}`)
    }
  }
}
problems.push(...unused(results).map((field) => `${field}: document.mjs has a reason, but there is no difference`))

const written = new Map([[EXPECTED, writeExpected(results)], [DOCUMENT, write(all.length, results)]])
for (const [file, content] of written) {
  if (mode === '--write') await writeFile(file, content)
  else if (content !== (await readFile(file, 'utf8').catch(() => ''))) {
    problems.push(...differing(await readFile(file, 'utf8').catch(() => ''), content).map((line) => `${path.relative(root, file)}: ${line}`))
  }
}
problems.forEach((problem) => console.log(`FAIL ${problem}`))
console.log(`${all.length} messages, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

/** Lines that one text has and the other has not. */
function differing(expected, actual) {
  const [before, after] = [expected, actual].map((content) => new Set(content.split('\n')))
  const only = (one, other, mark) => [...one].filter((line) => !other.has(line)).map((line) => `${mark} ${line}`)
  return [...only(before, after, '-'), ...only(after, before, '+')]
}
