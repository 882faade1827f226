// `node scripts/types.mjs <livetape> [--check]`: src/events.ts, made from the schema that the server serves.

import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { withServer } from '../../../tests/support/livetape.mjs'

const OUTPUT = new URL('../src/events.ts', import.meta.url)
/** What every event has beside its type and data. */
const COMMON = ['id', 'injected', 'replay', 'seq', 'stream', 'ts', 'username']
/** Any `data` of any event: a union of them all would double the file, and say no more. */
const ANY_DATA = 'Data'
const HEAD = `// Made by \`cargo xtask client\` from the server's /schema/events.json: not to be changed by hand.

`

const nameOf = (ref) => ref.replace('#/$defs/', '')
const comment = (text, indent = '') => (text ? `${indent}/** ${text.replaceAll('*/', '* /').replaceAll('\n', ' ')} */\n` : '')

/** The type of a schema, and the definitions that it needs. */
function typeOf(schema, needs) {
  if (schema.$ref) {
    const name = nameOf(schema.$ref)
    if (name === ANY_DATA) return 'Record<string, unknown>'
    needs.add(name)
    return name
  }
  const options = schema.oneOf ?? schema.anyOf
  if (options) return [...new Set(options.map((option) => typeOf(option, needs)))].join(' | ')
  if ('const' in schema) return `'${schema.const}'`
  const types = [schema.type].flat()
  return types.map((type) => primitive(type, schema, needs)).join(' | ')
}

function primitive(type, schema, needs) {
  switch (type) {
    case 'integer':
    case 'number':
      return 'number'
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'array':
      return `Array<${typeOf(schema.items, needs)}>`
    case 'object':
      return 'Record<string, unknown>'
    default:
      throw new Error(`the schema has something new: ${JSON.stringify(schema)}`)
  }
}

function define(name, schema, needs, { skip = [], base } = {}) {
  const head = comment(schema.description)
  if (!schema.properties) return `${head}export type ${name} = ${typeOf(schema, needs)}\n`
  const required = new Set(schema.required)
  const fields = Object.entries(schema.properties)
    .filter(([key]) => !skip.includes(key))
    .map(([key, value]) => `${comment(value.description, '  ')}  ${key}${required.has(key) ? '' : '?'}: ${typeOf(value, needs)}\n`)
  return `${head}export interface ${name}${base ? ` extends ${base}` : ''} {\n${fields.join('')}}\n`
}

function generate({ $defs, oneOf }) {
  const needs = new Set()
  const messages = oneOf.map(({ $ref }) => nameOf($ref))
  const events = messages.filter((name) => name !== 'GapMessage')
  const common = Object.fromEntries(COMMON.map((key) => [key, $defs[events[0]].properties[key]]))
  for (const name of events) {
    const own = Object.fromEntries(COMMON.map((key) => [key, $defs[name].properties[key]]))
    if (JSON.stringify(own) !== JSON.stringify(common)) throw new Error(`${name} is not like the other events`)
  }
  const required = $defs[events[0]].required.filter((key) => COMMON.includes(key))
  const parts = [define('EventBase', { description: 'What every event has.', properties: common, required }, needs)]
  for (const name of events) parts.push(define(name, $defs[name], needs, { skip: COMMON, base: 'EventBase' }))
  parts.push(define('GapMessage', $defs.GapMessage, needs))
  const done = new Set()
  while (done.size < needs.size) {
    for (const name of [...needs].filter((name) => !done.has(name)).sort()) {
      done.add(name)
      parts.push(define(name, $defs[name], needs))
    }
  }
  const union = events.map((name) => `  | ${name}\n`).join('')
  return `${HEAD}/** An event of the feed: \`type\` tells which. */\nexport type LivetapeEvent =\n${union}\n${parts.join('\n')}`
}

const [program, flag] = process.argv.slice(2)
const schema = await withServer(path.resolve(program), ['serve', '--port', '0'], async ({ url }) =>
  (await fetch(new URL('schema/events.json', url))).json(),
)
const [fresh, committed] = [generate(schema), await readFile(OUTPUT, 'utf8').catch(() => '')]
if (flag !== '--check') await writeFile(OUTPUT, fresh)
else if (fresh !== committed) {
  console.error('packages/client/src/events.ts is stale: run `cargo xtask client`')
  process.exit(1)
}
console.log(`src/events.ts: ${schema.oneOf.length - 1} types of events`)
