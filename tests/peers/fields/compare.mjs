// Compares the fields of events with those that a client decodes from the same messages. Nobody lists which fields belong together: it is
// the one of the client that has the same value in every message.

/** Maximum number of fields of a client that one of ours is read from. */
const SOURCES_MAX = 4
/** The fields of `common` that events are read from. Others, which have the same value in most messages, equal anything. */
const COMMON = /^common\.(msgId|createTime|roomId|describe|displayText)\b/
const SEPARATOR = '\u0001'

const isObject = (value) => value !== null && typeof value === 'object'

/** A value as text. What was not sent, 0 and "" are the same in protobuf. */
function normal(value) {
  if ([null, undefined, '', '0', 0, false].includes(value)) return ''
  return value === true ? '1' : String(value)
}

/** Maps the path of each field to its values. `[]` is each element of a list, `[0]` the first, `{}` each value of a map, `{key}` each key. */
export function flat(value, path = '', fields = {}) {
  const put = (place, one) => (fields[place] ??= []).push(normal(one))
  if (Array.isArray(value)) {
    if (value.length > 0 && !isObject(value[0])) put(`${path}[0]`, value[0])
    // What some elements omit has a place too, so that values stay beside each other.
    const omitted = Object.fromEntries(value.filter(isObject).flatMap(Object.entries).filter(([, one]) => !isObject(one)).map(([key]) => [key, null]))
    for (const one of value) flat(isObject(one) ? { ...omitted, ...one } : one, `${path}[]`, fields)
  } else if (isObject(value)) {
    for (const [key, one] of Object.entries(value)) {
      const isMap = /^\d+$/.test(key)
      if (isMap) put(`${path}{key}`, key)
      flat(one, isMap ? `${path}{}` : path ? `${path}.${key}` : key, fields)
    }
  } else put(path, value)
  return fields
}

/** The people in what a client decoded, each with all that was sent about them there. */
const people = (value) => (!isObject(value) ? [] : 'secUid' in value ? [value] : Object.values(value).flatMap(people))

/** Takes the people out of an event, and leaves their ids. Returns each with what the client decoded about them. */
export function takePeople(event, decoded, pairs = []) {
  for (const [key, value] of Object.entries(event)) {
    if (isObject(value) && 'secUid' in value) {
      const same = people(decoded).filter(({ id }) => id === value.userId)
      pairs.push([value, same.sort((a, b) => alike(value, b) - alike(value, a))[0]])
      event[key] = value.userId
    } else if (isObject(value)) takePeople(value, decoded, pairs)
  }
  return pairs
}

/** A message can have several descriptions of a person, most of them short. */
function alike(ours, theirs) {
  const follow = theirs.followInfo ?? {}
  return [
    [ours.uniqueId, theirs.displayId],
    [ours.secUid, theirs.secUid],
    [ours.followerCount, follow.followerCount],
    [ours.followingCount, follow.followingCount],
    [ours.followStatus, follow.followStatus],
    [ours.badges.length, theirs.badgeList?.length],
  ].filter(([one, other]) => normal(one) === normal(other)).length
}

const joined = (values) => (values.every((one) => one === '') ? '' : values.join(SEPARATOR))

/** The forms in which a client can have our values: times are ms or s. */
function forms(values) {
  const scaled = (scale) => values.map((one) => (/^\d{4}-\d\d-\d\dT/.test(one) ? String(Math.floor(Date.parse(one) / scale)) : one))
  return [...new Set([values, scaled(1), scaled(1000)].map(joined))]
}

/** Whether a text follows a pattern such as `{0:user} sent {1:gift}`. */
function follows(text, pattern) {
  const parts = pattern.split(/\{\d+:\w+\}/)
  if (parts.length === 1) return false
  let at = 0
  return parts.every((part, index) => {
    const place = index === 0 ? (text.startsWith(part) ? 0 : -1) : text.indexOf(part, at)
    at = place + part.length
    return place >= 0
  })
}

/** How our values and those of a client can agree, each with the fields that it applies to. */
const RELATIONS = {
  same: { fits: () => true, holds: (ours, theirs) => ours.forms.includes(theirs.joined) },
  picture: {
    fits: (path, theirs) => /url|avatar/i.test(path) && theirs.endsWith('urlList[]'),
    holds: (ours, theirs) => ours.values.every((one) => one === '' || theirs.values.includes(one)),
  },
  keyed: {
    fits: (_, theirs) => theirs.includes('{}'),
    holds: ({ values, ids }, { values: theirs, keys }) =>
      ids?.length === values.length && ids.every((id, index) => values[index] === (theirs[keys.indexOf(id)] ?? '')),
  },
  text: {
    fits: (path, theirs) => path.endsWith('text') && theirs.endsWith('defaultPattern'),
    holds: (ours, theirs) =>
      ours.values.length === theirs.values.length &&
      ours.values.every((one, index) => one === theirs.values[index] || follows(one, theirs.values[index])),
  },
}

const words = (path) => new Set(path.split(/[^a-zA-Z]+|(?=[A-Z])/).map((word) => word.toLowerCase()).filter(Boolean))

function likeness(one, other) {
  const [a, b] = [words(one), words(other)]
  return [...a].filter((word) => b.has(word)).length / Math.max(a.size, b.size)
}

/** Returns the fields of a client that ours is read from: in each message, ours agrees with the first of them that is set. */
function sources(path, ours, theirs, { fits, holds }) {
  let rest = ours.map((_, index) => index)
  const found = []
  while (found.length < SOURCES_MAX) {
    const isFilled = (index) => ours[index].joined !== ''
    if (found.length > 0 && !rest.some(isFilled)) break
    const candidates = []
    for (const [name, column] of theirs) {
      if (!fits(path, name)) continue
      let agreeing = 0
      const isWrong = rest.some((index) => {
        const value = column[index]
        if (value === undefined || value.joined === '') return false
        const agrees = isFilled(index) && holds(ours[index], value)
        agreeing += agrees
        return !agrees
      })
      if (!isWrong && agreeing > 0) candidates.push({ name, column, rank: [agreeing, likeness(path, name), -name.length] })
    }
    if (candidates.length === 0) break
    candidates.sort((a, b) => b.rank[0] - a.rank[0] || b.rank[1] - a.rank[1] || b.rank[2] - a.rank[2])
    const [{ name, column }] = candidates
    found.push(name)
    rest = rest.filter((index) => (column[index]?.joined ?? '') === '')
  }
  return rest.some((index) => ours[index].joined !== '') ? [] : found
}

/** Whether our words are names of the client's numbers. */
function naming(path, ours, theirs) {
  const isName = ours.every(({ values }) => values.every((one) => !/^\d+$/.test(one)))
  const fields = [...theirs].filter(([name, column]) => {
    const names = new Map()
    return likeness(path, name) > 0.5 && column.some((value) => value && value.joined !== '') && ours.every((value, index) => {
      const number = column[index]?.joined ?? ''
      if (!/^\d*$/.test(number)) return false
      return (names.get(number) ?? names.set(number, value.joined).get(number)) === value.joined
    })
  })
  return isName ? fields.map(([name]) => name).sort((a, b) => likeness(path, b) - likeness(path, a) || a.length - b.length).slice(0, 1) : []
}

/**
 * Compares messages of a kind, each with the fields of an event and of a client. Returns for each of our fields how it agrees, and with
 * what: `same`, `picture`, `text` or `name`; `differs` with the fields of the client that most messages agree with; or `blank`, if no message
 * sets it.
 */
export function compare(messages) {
  const columns = (side) => {
    const columns = new Map()
    messages.forEach((message, index) => {
      const fields = message[side]
      for (const [path, values] of Object.entries(fields)) {
        if (side === 'ours' && path.includes('[0]')) continue
        if (!columns.has(path)) columns.set(path, Array(messages.length))
        const near = side === 'ours' ? { forms: forms(values), ids: fields[path.replace(/\w+$/, 'userId')] } : { keys: fields[path.replace(/\{\}.*/, '{key}')] }
        columns.get(path)[index] = { values, joined: joined(values), ...near }
      }
    })
    return columns
  }
  const theirs = new Map([...columns('theirs')].filter(([path]) => !path.startsWith('common.') || COMMON.test(path)))
  const absent = { values: [], joined: '', forms: [''] }
  return new Map([...columns('ours')].map(([path, column]) => {
    const ours = Array.from(column, (value) => value ?? absent)
    if (ours.every((value) => value.joined === '')) return [path, { is: 'blank', with: [] }]
    for (const [is, relation] of Object.entries(RELATIONS)) {
      const found = sources(path, ours, theirs, relation)
      if (found.length > 0) return [path, { is, with: found }]
    }
    const named = naming(path, ours, theirs)
    if (named.length > 0) return [path, { is: 'name', with: named }]
    return [path, { is: 'differs', ...nearest(path, ours, theirs) }]
  }))
}

/** The field of a client with which most messages agree, and the first that does not. */
function nearest(path, ours, theirs) {
  let best = { with: [], agreeing: 0, likeness: 0, first: [] }
  for (const [name, column] of theirs) {
    const agrees = ours.map((value, index) => value.forms.includes(column[index]?.joined ?? ''))
    const agreeing = ours.filter((value, index) => agrees[index] && value.joined !== '').length
    const alike = likeness(path, name)
    if (agreeing > best.agreeing || (agreeing === best.agreeing && alike > best.likeness)) {
      const other = agrees.indexOf(false)
      best = { with: [name], agreeing, likeness: alike, first: other < 0 ? [] : [ours[other].joined, column[other]?.joined ?? ''] }
    }
  }
  return best
}
