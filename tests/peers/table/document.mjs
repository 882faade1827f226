// `docs/peers.md` and the expected cells, `expected.json`: both are written from the results of all cells.

/** What the expected cells have, in this order. */
const COLUMNS = ['chats', 'gifts', 'likes', 'joins', 'acks', 'sockets', 'next socket after', 'how it ends']
const EVENTS = 4
const SOCKETS = 5
const END = 7

const INTRODUCTION = `# Other people's clients against the mock

What the newest version of each published client does, unmodified, in every [scenario](../fixtures/scenarios/README.md) of \`livetape mock\`. \`cargo xtask codegen peers\` writes this page. [tests/peers](../tests/peers/README.md) states how each client is pointed at the mock; [fields.md](fields.md) compares what they read from messages.

## Score

`

const score = (date) => `What each client passed on ${date} of [\`livetape test --suite room\`](verdict.md#clients-of-tiktok), in a bot that counts each id once.

| client | cases | fails |
|---|---|---|
`

const legend = ([chats, gifts, likes, joins]) => `
## Each client

The mock's room plays \`recordings/gifts.bin\` at speed 30, unless the scenario sets the speed. After 25 s of silence, or 60 s, the client is asked to disconnect.

**all**: the ${chats} chats, ${gifts} gifts, ${likes} likes and ${joins} joins of the recording, each once; **some**: fewer; **more**: some of them twice; **none**: no event.
**↻**: it connected again by itself. *How it ends* has the class of the error that the client raised or reported; **waits**: no answer and no error for 25 s; **keeps trying**: more than one socket, and none open at the end. \`tests/peers/table/expected.json\` has the numbers.

Not in the tables: ports for Go, C# and Java; the crate \`tiktoklive\` 0.0.19; \`tiktok-live-api-sdk\`; \`@eulerstream/euler-websocket-sdk\`.
`

/** Writes the document. `results` maps clients to maps of scenarios to texts, `scores` some of them to cells, of this date; `counts` are those of the recording. */
export function write(clients, results, scores, date, counts) {
  const rows = [...grouped(scores)].map(([cells, names]) => `| ${names.join(', ')} | ${cells} |\n`)
  return [INTRODUCTION, score(date), ...rows, legend(counts), ...clients.map((client) => section(client, results.get(client.name), counts))].join('')
}

/** Maps each value to its keys. */
function grouped(map) {
  const keys = new Map()
  for (const [key, value] of map) keys.set(value, [...(keys.get(value) ?? []), key])
  return keys
}

function summary(texts, counts) {
  const events = texts.slice(0, EVENTS)
  const signs = counts.map((count, index) => Math.sign(parseInt(events[index]) - count))
  const received = events.every((text) => text === '0') ? 'none' : signs.includes(-1) ? 'some' : signs.includes(1) ? 'more' : 'all'
  return `${received + (texts[SOCKETS] > '1' ? ' ↻' : '')} | ${texts[END]}`
}

/** A section for a client, in which scenarios with the same result share a row. The longest row names none of them. */
function section({ name, licence, note }, cells, counts) {
  const rows = [...grouped(new Map([...cells].map(([scenario, texts]) => [scenario, summary(texts, counts)])))]
  const [[texts, most]] = rows.toSorted(([, one], [, other]) => other.length - one.length)
  const lines = rows.filter((row) => row[1] !== most).map(([texts, scenarios]) => `| ${texts} | ${scenarios.map((scenario) => `\`${scenario}\``).join(', ')} |\n`)
  return [`\n### ${name}\n\n${note} Licence: ${licence}.\n\n| events | how it ends | scenarios |\n|---|---|---|\n`, ...lines, `| ${texts} | the other ${most.length} |\n`].join('')
}

/** Reads the date of a document's scores. */
export const readDate = (document) => /\bpassed on (\S+)/.exec(document)?.[1]

/** Reads the scores of a document. */
export function readScores(document) {
  const [, part = ''] = document.split('\n## Score\n')
  const rows = part.split('\n## ')[0].split('\n').filter((line) => line.startsWith('| ')).slice(1)
  return new Map(rows.map((line) => line.slice(2, -2).split(/ \| (.*)/)).flatMap(([names, cells]) => names.split(', ').map((name) => [name, cells])))
}

/** Writes the expected cells: a line for each. */
export function writeCells(results) {
  const client = ([name, cells]) => {
    const lines = [...cells].map(([scenario, texts]) => `    ${JSON.stringify(scenario)}: ${JSON.stringify(texts)}`)
    return `  ${JSON.stringify(name)}: {\n${lines.join(',\n')}\n  }`
  }
  return `{\n${[...results].map(client).join(',\n')}\n}\n`
}

/** Reads the expected cells. */
export const readCells = (text) => new Map(Object.entries(JSON.parse(text)).map(([name, cells]) => [name, new Map(Object.entries(cells))]))

/** Returns a line for each cell that differs from the expected one, or that has no expected one. */
export function differences(expected, results) {
  const lines = []
  for (const [client, cells] of results) {
    for (const [scenario, texts] of cells) {
      const wanted = expected.get(client)?.get(scenario)?.join(' | ') ?? 'no cell'
      if (texts.join(' | ') !== wanted) lines.push(`${client}, ${scenario}: ${texts.join(' | ')}; expected ${wanted}`)
    }
  }
  return lines
}

/** Replaces the values that are inside a range of the client, or among its alternatives, by all of them. */
export function ranged({ varies = [] }, scenario, texts) {
  return texts.map((text, index) => {
    const rule = varies.find(({ scenarios, column }) => COLUMNS[index] === column && scenarios.includes(scenario))
    if (!rule) return text
    if (rule.oneOf) return rule.oneOf.includes(text) ? rule.oneOf.map((one) => one || 'none').join(' or ') : text
    const [, number, unit] = /^(\d+)( s)?$/.exec(text) ?? []
    return number >= rule.from && number <= rule.to ? `${rule.from}–${rule.to}${unit ?? ''}` : text
  })
}
