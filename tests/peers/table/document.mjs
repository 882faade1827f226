// `docs/peers.md`: written from the results of all cells, and read as the expected ones.

const COLUMNS = ['chats', 'gifts', 'likes', 'joins', 'acks', 'sockets', 'next socket after', 'how it ends', 'scenarios']
const HEAD = `| ${COLUMNS.join(' | ')} |\n|${'---|'.repeat(COLUMNS.length)}\n`
const EVENTS = 4
const SOCKETS = 5
const END = 7

const INTRODUCTION = `# Other people's clients against the mock

The newest version of each published client, unmodified, in every [scenario](../fixtures/scenarios/README.md) of \`livetape mock\`. \`cargo xtask codegen peers\` runs them
and writes this page; with \`--check\`, a chore of every night, it compares each cell instead, and fails at a difference or a missing cell.

Each cell is a new mock whose room plays \`recordings/gifts.bin\` at speed 30 (unless the scenario sets the speed), and one client. After 25 s in which it
neither emits nor sends anything but heartbeats, or after 60 s, the client is asked to disconnect. Clients are not restarted: what reconnects here is the client itself. It stops at the end of the
stream, and when it says that it is disconnected. [tests/peers](../tests/peers/README.md) states how each client is pointed at the mock.

Not in the table: ports for Go, C# and Java, which are not in the registries of npm, PyPI and crates.io; the crate \`tiktoklive\` 0.0.19, whose
socket uses no proxy (it runs with redirected hosts in \`cargo xtask nightly proxied\`, and emits all but the events in the first answer); \`tiktok-live-api-sdk\`, which has no socket; and \`@eulerstream/euler-websocket-sdk\`,
which only connects to a service that the mock does not imitate.
`

const legend = ([chats, gifts, likes, joins]) => `
## Overview

**all**: the ${chats} chats, ${gifts} gifts, ${likes} likes and ${joins} joins of the recording, each once; **some**: fewer; **more**: some of them twice; **none**: no event. **!** the client raised an error;
**↻** it connected again by itself. The tables below have the numbers.
`

const score = (date) => `
## Score

What each client passed on ${date} of [\`livetape test --suite room\`](verdict.md#clients-of-tiktok), as it is: a bot around it counts each id once, and does not
start the client again. A bot that restarts it passes more.

| client | cases | fails |
| --- | --- | --- |
`

const PARTS = `
## Each client

*Acks* are those in the mock's log, before that of the last frame: a client may disconnect before it sends the last ones, so these count if all others were sent. *Sockets* counts the attempts to open one; *next socket after* is the time from the end of the first to the
second attempt. *How it ends* has the class of the error that the client raised (\`string\`: a bare text) or reported and continued, or an HTTP
status; **waits**: no answer and no error for 25 s; **keeps trying**: more than one socket, and none open at the end. A range, or several
endings, are all that a cell may have, for the reason below the table.
`

/** Writes the document. `results` maps clients to maps of scenarios to texts, `scores` some of them to cells, of this date; `counts` are those of the recording. */
export function write(clients, results, scores, date, counts) {
  const scenarios = [...results.get(clients[0].name).keys()]
  const overview = scenarios.map((scenario) => [`\`${scenario}\``, ...clients.map(({ name }) => summary(results.get(name).get(scenario), counts))])
  const table = [['scenario', ...clients.map(({ name }) => name)], Array(clients.length + 1).fill('---'), ...overview].map((cells) => `| ${cells.join(' | ')} |\n`)
  const rows = [...scores].map(([name, cells]) => `| ${name} | ${cells} |\n`)
  return [INTRODUCTION, legend(counts), '\n', ...table, score(date), ...rows, PARTS, ...clients.map((client) => section(client, results.get(client.name)))].join('')
}

function summary(texts, counts) {
  const events = texts.slice(0, EVENTS)
  const signs = counts.map((count, index) => Math.sign(parseInt(events[index]) - count))
  const received = events.every((text) => text === '0') ? 'none' : signs.includes(-1) ? 'some' : signs.includes(1) ? 'more' : 'all'
  return received + (texts[END].includes('`') ? ' !' : '') + (texts[SOCKETS] > '1' ? ' ↻' : '')
}

/** A section for a client, in which scenarios with the same result share a row. */
function section({ name, licence, note, varies = [] }, cells) {
  const rows = new Map()
  for (const [scenario, texts] of cells) rows.set(texts.join(' | '), [...(rows.get(texts.join(' | ')) ?? []), scenario])
  const lines = [...rows].map(([texts, scenarios]) => `| ${texts} | ${scenarios.map((scenario) => `\`${scenario}\``).join(', ')} |\n`)
  const notes = [note, ...new Set(varies.map(({ why }) => `Ranges: ${why}`))]
  return [`\n### ${name}\n\nLicence: ${licence}.\n\n`, HEAD, ...lines, ...notes.map((text) => `\n${text}\n`)].join('')
}

/** Reads the date of a document's scores. */
export const readDate = (document) => /\bpassed on (\S+)/.exec(document)?.[1]

/** Reads the scores of a document. */
export function readScores(document) {
  const [, part = ''] = document.split('\n## Score\n')
  const rows = part.split('\n## ')[0].split('\n').filter((line) => line.startsWith('| ')).slice(2)
  return new Map(rows.map((line) => line.slice(2, -2).split(/ \| (.*)/)))
}

/** Reads the cells of a document. */
export function read(document) {
  const results = new Map()
  for (const part of document.split('\n### ').slice(1)) {
    const cells = part.split('\n').filter((line) => line.startsWith('| ')).slice(1).map((line) => line.slice(2, -2).split(' | '))
    results.set(part.slice(0, part.indexOf('\n')), new Map(cells.flatMap((texts) => texts.pop().split(', ').map((scenario) => [scenario.slice(1, -1), texts]))))
  }
  return results
}

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
