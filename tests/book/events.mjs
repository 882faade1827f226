// `node events.mjs`: prints the reference of events as a page: the type of each from the client's types, which are generated from
// the schema, and the longest recorded payload of it, from a snapshot.

import { readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)
const read = (path) => readFileSync(new URL(path, root), 'utf8')
const types = read('packages/client/src/events.ts')
const snapshot = (path) => JSON.parse(read(path).split('---\n').at(-1))

/** Each declaration: its documentation, and its text. */
const declared = new Map()
for (const [, doc, text, name] of types.matchAll(/(?:\/\*\* (.*) \*\/\n)?(export (?:interface|type) (\w+)[\s\S]*?\n(?=\n|$))/g)) declared.set(name, { doc, text: text.trim() })

const samples = new Map()
for (const { type, data } of Object.values(snapshot('crates/core/tests/it/snapshots/kinds.snap'))) if (type && !samples.has(type)) samples.set(type, data)
for (const { type, data } of snapshot('crates/core/tests/it/snapshots/it__decoder__state_events_are_replayed.snap')) if (!samples.has(type)) samples.set(type, data)

/** Names of the declarations that `name` consists of. */
function parts(name, found = new Set()) {
  for (const [word] of declared.get(name).text.matchAll(/\b[A-Z]\w+\b/g)) {
    if (word !== name && declared.has(word) && !found.has(word)) parts(word, found.add(word))
  }
  return found
}

const events = [...declared.get('LivetapeEvent').text.matchAll(/\| (\w+)/g)].map(([, name]) => name)
const used = new Map()
for (const name of events) for (const part of parts(name)) used.set(part, (used.get(part) ?? 0) + 1)
const shared = [...used].filter(([, count]) => count > 1).map(([name]) => name)
const code = (name) => {
  const { doc, text } = declared.get(name)
  return `${doc ? `/** ${doc} */\n` : ''}${text.replace('export ', '')}`
}

const page = ['# Event reference', '', 'Every event, with its fields and the longest recorded payload; long lists and texts are shortened. [Events](reference.md#events) has a shorter list.', '']
for (const name of events) {
  const { doc, text } = declared.get(name)
  const type = /\btype: '(\w+)'/.exec(text)[1]
  const own = [...parts(name)].filter((part) => !shared.includes(part))
  page.push(`## \`${type}\``, '', doc, '')
  if (own.length > 0) page.push('```ts', own.map(code).join('\n\n'), '```', '')
  const sample = samples.get(type)
  if (sample) page.push('```json', JSON.stringify(sample, undefined, 2), '```', '')
  else page.push('No payload of this type was recorded.', '')
}
page.push('## Fields and types that events share', '', '```ts', shared.map(code).join('\n\n'), '```')
const without = events.length - samples.size
if (events.length < 80 || samples.size < 60) throw new Error(`only ${events.length} events and ${samples.size} samples`)
console.error(`${events.length} events, ${without} of them without a payload`)
console.log(page.join('\n'))
