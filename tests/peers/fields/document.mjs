// `docs/fields.md`, with the reasons why our fields differ from those of other clients, and `expected.json`, which has the fields that belong
// together. `cargo xtask nightly fields` fails for a difference without a reason.

/** How a field can be read without being the same: what `compare.mjs` calls it, in the order of the document. */
const KINDS = {
  picture: 'Of the addresses of a picture, which all show the same, the event has the last, which is not a webp if there is another; the client lists all.',
  text: 'The event has the text with names and numbers in it; the client has the pattern, `{0:user} joined`, and its pieces.',
  keyed: 'The client has a map by user id, in another order.',
  name: 'The event has a name; the client has the number.',
}

/** Fields that no field of a client equals, by reason. */
const REASONS = [
  ['Computed by livetape, for streaks that repeat their gift.', ['gift.streakId', 'gift.repeatDelta', 'gift.isFinal', 'gift.diamonds']],
  ['The message has no time, so the event has the time of receipt.', ['caption.timestamp', 'control.timestamp', 'live_intro.timestamp']],
  ['From the badges, which are compared one by one, and from what the message states about its sender.', ['user.isSubscriber', 'user.isHost', 'user.isGuardian', 'user.isGiftGiver', 'user.isFollower', 'user.topGifterRank', 'user.isNewGifter', 'user.teamName', 'user.gifterLevel', 'user.teamLevel']],
  ['A name for what the message contains: a poll that starts, changes or ends; the pinned chat or gift.', ['poll.state', 'pin.pinned.type']],
  ['A name for the action, and nothing where the action has none.', ['control.state']],
  ['The name that the app shows, `Viewer158848`; the client has `Viewer%s` and the number.', ['unauthorized_member.nickname']],
  ['Field 2, which holds JSON in every recorded banner; the clients describe another message.', ['banner.data']],
]

export const reasonFor = (field) => REASONS.find(([, fields]) => fields.includes(field))?.[0]

/** Fields with a reason that differ for no client. */
export function unused(results) {
  const differing = new Set([...results.values()].flatMap(({ kinds }) => [...kinds].flatMap(([kind, { fields }]) => [...fields].filter(([, { is }]) => is === 'differs').map(([field]) => `${kind}.${field}`))))
  return REASONS.flatMap(([, fields]) => fields).filter((field) => !differing.has(field))
}

const introduction = (messages, clients) => `# Fields of other clients

The fields of our [events](reference.md#events), compared with what ${clients.join(' and ')} read from the same messages: the ${messages.toLocaleString('en')} different ones in [fixtures](../fixtures/webcast/README.md) and [recordings](../recordings/README.md).
\`cargo xtask codegen fields\` writes this page; \`nightly fields\` fails when a difference has no reason. The clients share a schema, so their agreement counts once.

A field of ours belongs to the field of the client that has the same value in every message, or to several, of which the first that is set counts: \`tests/peers/fields/expected.json\` lists them. Fields without a value in all these messages cannot be compared, and fields that only a client has are not.
`

const LEGEND = `
## Fields

People and their badges are compared once, wherever they are.

| event | messages | fields | equal | in another form | differ | without a value |
|---|---:|---:|---:|---:|---:|---:|
`

/** Writes the document. Counts are those of the first client. */
export function write(messages, results) {
  const [[first, { kinds, unknown }]] = results
  const rows = [...kinds].map(([kind, { messages: number, fields }]) => {
    const count = (...wanted) => [...fields.values()].filter(({ is }) => wanted.includes(is)).length
    return { kind, number, all: fields.size, equal: count('same'), form: count(...Object.keys(KINDS)), differ: count('differs'), blank: count('blank') }
  })
  const row = ({ kind, number, all, equal, form, differ, blank }) => `| ${kind} | ${number} | ${all} | ${equal} | ${form} | ${differ} | ${blank} |\n`
  const sum = (name) => rows.reduce((total, line) => total + line[name], 0)
  const total = ['number', 'all', 'equal', 'form', 'differ', 'blank'].map((name) => ` **${sum(name)}** |`)
  return [
    introduction(messages, [...results.keys()]),
    LEGEND,
    ...rows.map(row),
    `| **all** |${total.join('')}\n`,
    differences(kinds),
    others(results, first, unknown),
  ].join('')
}

function differences(kinds) {
  const withForm = (form) => [...kinds].flatMap(([kind, { fields }]) => [...fields].filter(([, { is }]) => is === form).map(([field]) => `\`${kind}.${field}\``))
  const forms = Object.entries(KINDS).map(([form, reason]) => `| ${withForm(form).join(', ')} | ${reason} |\n`)
  const reasons = REASONS.map(([reason, fields]) => `| ${fields.map((field) => `\`${field}\``).join(', ')} | ${reason} |\n`)
  return [
    '\n## In another form\n\n| fields | why |\n|---|---|\n', ...forms,
    '\n## Differences\n\n| fields | why |\n|---|---|\n', ...reasons,
  ].join('')
}

/** How the other clients differ from the first, and what only livetape can decode. */
function others(results, first, unknown) {
  const sum = (numbers) => [...numbers.values()].reduce((total, number) => total + number, 0)
  const [{ kinds }] = results.values()
  const lines = [...results].flatMap(([client, result]) => {
    const other = [...result.kinds].flatMap(([kind, { fields }]) => [...fields].filter(([field, { is }]) => is !== kinds.get(kind)?.fields.get(field)?.is).map(([field]) => `\`${kind}.${field}\``))
    const failed = result.failed.size > 0 ? [`- ${client} fails to decode ${sum(result.failed)} of them, ${[...result.failed.keys()].map((method) => `\`${method}\``).join(', ')}.\n`] : []
    const differs = other.length > 0 ? [`- ${client} reads ${other.join(', ')} otherwise than ${first}.\n`] : []
    return [...failed, ...differs]
  })
  return `\n## Messages\n\n- ${first} does not know ${unknown.size} of our methods, with ${sum(unknown)} of these messages.\n${lines.join('')}`
}

/** Writes the numbers of messages that a client cannot decode, and for each kind and field how it agrees, and with which fields of the clients: one text if all clients agree. */
export function writeExpected(results) {
  const describe = ({ is, with: names }) => (is === 'blank' ? is : [is, ...(is === 'differs' ? [] : names)].join(' '))
  const kinds = new Map()
  for (const [client, result] of results) {
    const undecoded = { unknown: result.unknown, failed: result.failed }
    for (const [name, numbers] of Object.entries(undecoded)) {
      kinds.set(name, kinds.get(name) ?? new Map())
      for (const [method, number] of [...numbers].sort()) kinds.get(name).set(method, { ...kinds.get(name).get(method), [client]: number })
    }
    for (const [kind, { messages, fields }] of result.kinds) {
      const lines = kinds.get(kind) ?? kinds.set(kind, new Map()).get(kind)
      const put = (name, value) => lines.set(name, { ...lines.get(name), [client]: value })
      put('messages', messages)
      for (const [field, found] of fields) put(field, describe(found))
    }
  }
  const merged = (values) => (Object.keys(values).length === results.size && new Set(Object.values(values)).size === 1 ? Object.values(values)[0] : values)
  const text = [...kinds].map(([kind, lines]) => {
    const fields = [...lines].map(([name, values]) => `    ${JSON.stringify(name)}: ${JSON.stringify(merged(values))}`)
    return `  ${JSON.stringify(kind)}: {\n${fields.join(',\n')}\n  }`
  })
  return `{\n${text.join(',\n')}\n}\n`
}
