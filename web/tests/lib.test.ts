import { describe, expect, test } from 'vitest'
import gift from '../../examples/overlays/gift.js?raw'
import overlay from '../../examples/overlays/overlay.js?raw'
import { hintOf, hints, titleOf } from '../src/failures.ts'
import { giftOf } from '../src/feed/summary.ts'
import { barAt, bars, countsIn, line, within, zoomed } from '../src/lib/charts.ts'
import { labelOf, lagging, placesIn, programOf } from '../src/lib/client.ts'
import { rowsOf } from '../src/lib/fields.ts'
import { bytes, clockTime, compact, countdown, duration, offsetTime, quantile, rate } from '../src/lib/format.ts'
import { OVERSCAN_ROWS, Ring, isAtEnd, scrollTopAfterDrop, scrollTopToShow, windowOf } from '../src/lib/list.ts'
import { nearest } from '../src/lib/moments.ts'
import { dragged, readSizes, sizeAfter } from '../src/lib/panes.ts'
import { hue, initials, paint } from '../src/lib/pictures.ts'
import { escaped, isolate, parts, plain } from '../src/lib/plain.ts'
import { freeName, moment, momentOf, nameOf, nextSpeed, offsetOf, readSpeed } from '../src/lib/recording.ts'
import { LANGUAGES, TOKEN, snippet, testSnippet, totalOf } from '../src/lib/snippets.ts'
import { texts } from '../src/texts.ts'

describe('formats', () => {
  test.each([[0, '0:00'], [402_438, '6:42'], [3_723_000, '1:02:03'], [-5, '0:00']])('offset %d', (ms, text) => {
    expect(offsetTime(ms)).toBe(text)
  })
  test('offsets with tenths are rounded down', () => expect(offsetTime(59_999, true)).toBe('0:59.9'))
  test.each([[0, '0 ms'], [999, '999 ms'], [12_900, '12 s'], [185_000, '3 min 5 s'], [180_000, '3 min'], [7_440_000, '2 h 4 min'], [273_600_000, '3 d 4 h']])('duration %d', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })
  test.each([[0, '0 s'], [1, '1 s'], [1000, '1 s'], [59_001, '1:00'], [65_000, '1:05'], [-9, '0 s']])('countdown %d', (ms, text) => {
    expect(countdown(ms)).toBe(text)
  })
  test.each([[0, '0'], [361_971, '361,971'], [999_999, '999,999'], [1e6, '1.00M'], [36_200_000, '36.2M'], [999_499_999, '999M'], [999_600_000, '1.00B'], [1e15, '1.0e15']])('compact %d', (number, text) => {
    expect(compact(number)).toBe(text)
    expect(compact(number).length).toBeLessThanOrEqual(7)
  })
  test.each([[0, '0 bytes'], [999, '999 bytes'], [1000, '1.0 kB'], [18_040_000, '18.0 MB'], [999_999_999, '1.0 GB']])('bytes %d', (count, text) => {
    expect(bytes(count)).toBe(text)
  })
  test.each([[0, '0'], [0.44, '0.4'], [9.96, '10'], [1234, '1,234']])('rate %d', (number, text) => expect(rate(number)).toBe(text))
  test('a quantile is read from Prometheus text format', () => {
    const metrics = '# HELP late x\nlate{quantile="0.5"} 0.0001\nlate{quantile="0.99"} 0.0012\nlater{quantile="0.99"} 7\nlate_sum 9\n'
    expect(quantile(metrics, 'late', '0.99')).toBe(0.0012)
    expect(quantile(metrics, 'late', '1')).toBeUndefined()
    expect(quantile('late{quantile="0.99"} NaN', 'late', '0.99')).toBeUndefined()
  })
  test('an invalid time is empty', () => {
    expect(clockTime('soon')).toBe('')
    expect(clockTime('2023-12-05T15:56:34.436Z')).toMatch(/^\d\d:\d\d:34\.436$/)
  })
})

describe('people', () => {
  test.each([['ann', 'A'], ['Bluebell Oasis', 'BO'], ['bluebell__oasis40', 'BO'], ['', '?'], ['   ', '?'], ['👩‍👩‍👧‍👦👦', '👩‍👩‍👧‍👦'], ['王 小明', '王小'], ['_.-', '_']])('initials of %s', (name, text) => {
    expect(initials(name)).toBe(text)
  })
  test('a key always has the same colour', () => {
    expect(hue('7684135655022194693')).toBe(hue('7684135655022194693'))
    expect(new Set(Array.from({ length: 100 }, (_, key) => hue(String(key)))).size).toBeGreaterThan(60)
  })
})

describe('the ring', () => {
  test('positions are stable', () => {
    const ring = new Ring<number>()
    for (let number = 0; number < 10_000; number += 1) {
      expect(ring.push(number)).toBe(number)
      if (ring.length > 100) expect(ring.shift()).toBe(number - 100)
    }
    expect([ring.first, ring.end, ring.length]).toEqual([9900, 10_000, 100])
    expect([ring.at(9899), ring.at(9900), ring.at(9999), ring.at(10_000)]).toEqual([undefined, 9900, 9999, undefined])
    expect(ring.slice(9000, 9902)).toEqual([9900, 9901])
    expect(ring.slice(9998, 20_000)).toEqual([9998, 9999])
    expect(ring.lowerBound((number) => number < 9950)).toBe(9950)
    ring.clear()
    expect([ring.length, ring.push(1), ring.at(9999)]).toEqual([0, 10_000, undefined])
  })
})

describe('the virtual list', () => {
  test('draws the visible rows and some around them', () => {
    expect(windowOf(0, 340, 34, 100_000)).toEqual({ first: 0, count: 11 + 2 * OVERSCAN_ROWS })
    expect(windowOf(3400, 340, 34, 100_000)).toEqual({ first: 100 - OVERSCAN_ROWS, count: 11 + 2 * OVERSCAN_ROWS })
    expect(windowOf(0, 340, 34, 3)).toEqual({ first: 0, count: 3 })
    expect(windowOf(0, 340, 34, 0)).toEqual({ first: 0, count: 0 })
  })
  test('draws the end when scrolled beyond it', () => {
    const { first, count } = windowOf(1e9, 340, 34, 1000)
    expect(first + count).toBe(1000)
    expect(first).toBeLessThan(1000 - 10)
  })
  test('detects the end', () => {
    expect(isAtEnd(660, 340, 100, 10)).toBe(true)
    expect(isAtEnd(656, 340, 100, 10)).toBe(true)
    expect(isAtEnd(600, 340, 100, 10)).toBe(false)
  })
  test('stays in place while rows above are removed', () => {
    expect(scrollTopAfterDrop(1000, 10, 34)).toBe(660)
    expect(scrollTopAfterDrop(100, 10, 34)).toBe(0)
  })
  test('scrolls as little as possible', () => {
    expect(scrollTopToShow(5, 0, 340, 34)).toBe(0)
    expect(scrollTopToShow(10, 0, 340, 34)).toBe(34)
    expect(scrollTopToShow(2, 340, 340, 34)).toBe(68)
  })
})

describe('speeds', () => {
  test.each([[1, true, 1.5], [1, false, 0.75], [3.7, true, 5], [3.7, false, 3], [100, true, 1000], ['max', true, 'max'], ['max', false, 1000], [1000, true, 'max'], [0.1, false, 0.1]] as const)('from %s', (speed, up, next) => {
    expect(nextSpeed(speed, up)).toBe(next)
  })
  test.each([['2', 2], ['0,5×', 0.5], [' 1.25 x', 1.25], ['MAX', 'max'], ['0.09', undefined], ['1001', undefined], ['1000', 1000], ['1e2', undefined], ['', undefined], ['-1', undefined], ['NaN', undefined]])('typed %s', (typed, speed) => {
    expect(readSpeed(typed)).toBe(speed)
  })
})

describe('pictures', () => {
  const timeline = (counts: number[][], durationMs = 1000) => ({
    durationMs,
    bucketMs: durationMs / (counts[0]?.length ?? 1),
    kinds: counts.map((kind, index) => ({ name: String(index), counts: kind })),
    markers: [],
    gaps: [],
  })
  const all = { fromMs: 0, toMs: 1000 }
  test('the highest stack fills the height', () => {
    const drawn = bars(timeline([[4, 0], [12, 1]]), 200, 64, all)
    expect(drawn).toHaveLength(3)
    expect(Math.min(...drawn.map(({ y }) => y))).toBeCloseTo(0)
    expect(drawn.every(({ y, height }) => y >= -1e-9 && y + height <= 64 + 1e-9)).toBe(true)
    expect(drawn[2]?.height).toBeCloseTo(16)
  })
  test('narrow buckets are combined', () => {
    const drawn = bars(timeline([Array.from({ length: 1000 }, () => 1)]), 300, 64, all)
    expect(drawn.length).toBeLessThanOrEqual(100)
    expect(drawn.every(({ width }) => width >= 2)).toBe(true)
  })
  test('an empty timeline has no bars', () => {
    expect(bars(timeline([]), 300, 64, all)).toEqual([])
    expect(bars(timeline([[1]]), 0, 64, all)).toEqual([])
  })
  test('a line ends on the right and breaks at unknown values', () => {
    const { stroke } = line([undefined, 1, 2, undefined, 4], 5, 100, 32)
    expect(stroke.match(/M/g)).toHaveLength(2)
    expect(stroke).toContain('M100.0,2.0')
    expect(line([], 5, 100, 32)).toEqual({ stroke: '', fill: '' })
    expect(line([0, 0], 5, 100, 32).stroke).not.toMatch(/NaN|Infinity/)
  })
})

describe('trees of fields', () => {
  test('a row for each field, those of a message below it', () => {
    const inner = [{ number: 2, name: 'id', wire: 'varint', value: '7' }, { number: 9, unknown: true, wire: 'len', bytes: btoa('\u0000'.repeat(20)) }]
    const rows = rowsOf([{ number: 1, name: 'common', wire: 'len', fields: inner }, { number: 3, name: 'text', mismatch: true, wire: 'len', numbers: ['1', '2'] }, { malformed: '' }])
    expect(rows.map(({ depth, number, name, value, note }) => [depth, number, name, value, note])).toEqual([
      [0, 1, 'common', '2 fields', ''],
      [1, 2, 'id', '7', ''],
      [1, 9, '', `20 bytes: ${'00'.repeat(16)}…`, 'not in the schema'],
      [0, 3, 'text', '1, 2', 'not of the type in the schema'],
      [0, 0, '', 'empty', 'malformed'],
    ])
    const known = { number: 4, name: 'known', wire: 'len', fields: [{ number: 1, name: 'id', wire: 'varint', value: '1' }] }
    const odd = rowsOf([{ number: 1, name: 'common', wire: 'len', fields: inner }, known], true)
    expect(odd.map(({ depth, number }) => [depth, number])).toEqual([[0, 1], [1, 9]])
  })
  test('texts are quoted, and nothing in them is invisible', () => {
    expect(rowsOf([{ number: 1, wire: 'len', text: 'a\u202e"' }])[0]?.value).toBe('"a\\u202e\\""')
  })
  test.each([[undefined], ['x'], [[null, 3]]])('anything but a tree has no rows: %j', (tree) => expect(rowsOf(tree)).toEqual([]))
})

describe('links to a moment', () => {
  test.each([['#t=1m30s', 90_000], ['#t=90', 90_000], ['#t=1:30', 90_000], ['#t=1:02:03.5', 3_723_500], ['#t=1h2m3.5s', 3_723_500], ['#t=0s', 0], ['#t=', undefined], ['', undefined], ['#t=soon', undefined], ['#t=-5', undefined]])('%s', (fragment, ms) => {
    expect(momentOf(fragment)).toBe(ms)
  })
  test.each([0, 900, 60_000, 90_500, 3_600_000, 3_723_500])('%d ms survive a round trip', (ms) => {
    expect(momentOf(`#t=${moment(ms)}`)).toBe(ms)
  })
  test('events of other recordings have no offset', () => {
    const started = Date.parse('2026-01-01T00:00:00.000Z')
    expect(offsetOf('2026-01-01T00:00:05.500Z', started, 10_000)).toBe(5500)
    expect(offsetOf('2025-12-31T23:59:59.000Z', started, 10_000)).toBeUndefined()
    expect(offsetOf('2026-01-01T01:00:00.000Z', started, 10_000)).toBeUndefined()
    expect(offsetOf('2026-01-01T00:00:05.500Z', undefined, 10_000)).toBeUndefined()
  })
})

describe('code to copy', () => {
  test.each(LANGUAGES)('%s code names the feed, and never the token itself', (language) => {
    const code = snippet(language, 'ws://localhost:3000/', 'http://localhost:3000/overlays/alerts.html', TOKEN)
    expect(decodeURIComponent(code)).toContain('ws://localhost:3000/')
    expect(code).toContain('YOUR_TOKEN')
    expect(snippet(language, 'ws://localhost:3000/', 'http://localhost:3000/overlays/alerts.html', '')).not.toContain('YOUR_TOKEN')
  })
  test('the link for OBS works with any token', () => {
    const link = new URL(snippet('obs', 'ws://localhost:3000/', 'http://localhost:3000/overlays/alerts.html', 'a&b=c#d+e f'))
    expect([...link.searchParams]).toEqual([['url', 'ws://localhost:3000/'], ['token', 'a&b=c#d+e f']])
  })
  // Their texts run in packages/testing/tests/copied.test.mjs.
  test.each([
    ['vitest', 'recording: "recordings/it\'s `x`.bin", start: 1.5, end: 3,'],
    ['pytest', '("recordings/it\'s `x`.bin", start=1.5, end=3,'],
    ['rust', '("recordings/it\'s `x`.bin").start_at(Duration::from_millis(1500))'],
    ['shell', "cut 'recordings/it'\\''s `x`.bin' --from 1500ms --to 3000ms"],
  ] as const)('a test for %s quotes the name of its recording', (language, part) => {
    expect(testSnippet(language, { recording: "it's `x`", fromMs: 1500, toMs: 3000, total: 'chats' })).toContain(part)
  })
  test.each([
    ['vitest', `startTape({ recording: "demo", case: 'no-final', timeout: 60000, speed: 'max' })`],
    ['pytest', '@pytest.mark.livetape("demo", case="no-final", speed="max")'],
    ['rust', 'Tape::replay("demo").case("no-final").speed(Speed::Max)'],
    ['shell', 'livetape test demo --case no-final --expect "chats: {chats}"'],
  ] as const)('a test for %s plays the whole case', (language, part) => {
    const code = testSnippet(language, { recording: 'demo (no-final)', fromMs: 1500, toMs: 3000, total: 'chats', case: 'no-final' })
    expect(code).toContain(part)
    expect(code).not.toMatch(/1500|1\.5|undefined|Duration/)
  })
  test('commands can be pasted into cmd.exe', () => {
    const code = testSnippet('shell', { recording: 'my show', fromMs: 0, toMs: 3000, total: 'chats' })
    expect(code).toContain('cut "recordings/my show.bin" --to')
    expect(code).toContain('--expect "chats: {chats}" --')
  })
  test.each([['chat', '', 'chats'], ['social', 'follow', 'follows'], ['social', 'constructor', 'diamonds'], ['gift', undefined, 'diamonds'], ['room', undefined, 'diamonds']])('%s %s is checked by %s', (type, action, total) => {
    expect(totalOf(type, action)).toBe(total)
  })
})

test.each([['show.bin', 'show'], ['a.har', 'a'], ['a.har.gz', 'a'], ['x.JSONL', 'x'], ['.hidden.bin', 'hidden'], ['a/b:c%.zip', 'a_b_c_'], ['\u202Eevil.bin', '_evil'], ['.bin', 'upload'], ['日本 🎁.bin', '日本 🎁']])('%j becomes the recording %j', (file, name) => {
  expect(nameOf(file)).toBe(name)
})

test('a free name differs from all others', () => {
  expect(freeName('show', ['show', 'show-2', 'show-4'])).toBe('show-3')
})

test('every bar of the timeline has a range, without gaps or overlaps', () => {
  const timeline = { durationMs: 10_000, bucketMs: 10, kinds: [{ name: 'chat', counts: Array.from({ length: 1000 }, () => 1) }], markers: [], gaps: [] }
  let fromMs = 0
  for (const _ of bars(timeline, 300, 64, { fromMs: 0, toMs: 10_000 })) {
    const range = barAt(timeline, 300, fromMs, { fromMs: 0, toMs: 10_000 })
    expect(range.fromMs).toBe(fromMs)
    expect(range.toMs).toBeGreaterThan(fromMs)
    fromMs = range.toMs
  }
  expect(fromMs).toBe(10_000)
})

test('clients are at the last row that they were sent', () => {
  const rows = [0, 4, 5, 9].map((seq) => ({ seq }))
  const client = (clientId: string, position: number | null, lag: number | null, path = '/') => ({ number: 1, query: '', agent: '', clientId, path, position, lag })
  const clients = [client('early', 3, 9), client('slow', 7, 5), client('slower', 4, 8), client('done', 8, 0), client('other', 5, 2, '/ws/token'), client('talks', null, null, '/ws')]
  expect([...placesIn(rows, true, clients)]).toEqual([[2, ['#1 \u2068slow\u2069']], [1, ['#1 \u2068slower\u2069']], [3, ['#1 \u2068done\u2069']]])
  expect([...placesIn(rows, false, clients)]).toEqual([[2, ['#1 \u2068slow\u2069']], [1, ['#1 \u2068slower\u2069']]])
})

test('a client is named by its number, and by what it says about itself', () => {
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36'
  for (const [query, clientId, agent, label, program] of [
    ['types=gift&name=Goal%2C+plain', 'client_12345678', chrome, '#7 Goal, plain', 'Chrome'],
    ['', 'client_12345678', chrome.replace('Chrome', 'OBS/31.0 Chrome'), '#7 OBS', 'OBS'],
    ['', 'ann', 'Python/3.12 websockets/14.1', '#7 ann', 'Python'],
    ['', 'client_12345678', 'my-bot/1.0', '#7 my-bot', 'my-bot'],
    ['', 'client_12345678', '', '#7', ''],
  ] as const) {
    expect([plain(labelOf({ number: 7, query, clientId, agent })), programOf({ agent })]).toEqual([label, program])
  }
})

describe('the zoom of the timeline', () => {
  const timeline = { durationMs: 10_000, bucketMs: 10, kinds: [{ name: 'chat', counts: Array.from({ length: 1000 }, (_, at) => at % 2) }, { name: 'gift', counts: [] }], markers: [], gaps: [] }
  const all = { fromMs: 0, toMs: 10_000 }
  test('keeps the offset below the pointer in its place', () => {
    expect(zoomed(timeline, all, 0.5, 5000)).toEqual({ fromMs: 2500, toMs: 7500 })
    expect(zoomed(timeline, { fromMs: 2500, toMs: 7500 }, 0.5, 2500)).toEqual({ fromMs: 2500, toMs: 5000 })
  })
  test('stays in the recording, and ends at ten buckets', () => {
    expect(zoomed(timeline, { fromMs: 0, toMs: 5000 }, 2, 0)).toEqual(all)
    expect(zoomed(timeline, { fromMs: 8000, toMs: 10_000 }, 2, 8000)).toEqual({ fromMs: 6000, toMs: 10_000 })
    expect(zoomed(timeline, all, 0, 0)).toEqual({ fromMs: 0, toMs: 100 })
    expect(within({ fromMs: -5, toMs: 0 }, 100, 10_000)).toEqual({ fromMs: 0, toMs: 100 })
  })
  test('shows bars of fewer buckets', () => {
    expect(barAt(timeline, 300, 5005, all)).toEqual({ fromMs: 5000, toMs: 5100 })
    const shown = { fromMs: 5000, toMs: 5100 }
    expect(barAt(timeline, 300, 5015, shown)).toEqual({ fromMs: 5010, toMs: 5020 })
    expect(bars(timeline, 300, 64, shown).map(({ x, width }) => [x, width])).toEqual([30, 90, 150, 210, 270].map((x) => [x, 29]))
  })
  test('counts the events of a bar by kind', () => {
    expect(countsIn(timeline, { fromMs: 5000, toMs: 5100 })).toEqual([{ name: 'chat', count: 5 }])
  })
})

test('hints for browser users name neither flags nor endpoints', () => {
  for (const hint of Object.values(hints)) expect(hint).not.toMatch(/--|\blivetape [a-z]+ [A-Z]|\b(GET|POST|PUT|DELETE) \/|LIVETAPE_/)
})

test.each([['dns_failed', 'dns failed', 'Server name not found'], ['brand_new', '', 'Brand new'], ['brand_new', 'told \u202eby the server', 'Told by the server'], ['constructor', '', 'Constructor'], ['', '', 'Unexpected response'], ['server_away', '', 'Server not responding']])('the title of %j', (code, told, title) => {
  expect(titleOf(code, told)).toBe(title)
})
test('an unknown code has the hint of the server', () => expect([hintOf('toString', 'do this'), hintOf('user_offline', 'x')]).toEqual(['do this', hints.user_offline]))

test.each([
  ['\u202Egnp.exe \u2066\u2067evil\u202E', 'gnp.exe evil'],
  ['\u0000a\u0085b\u2028c', ' a b c'],
  ['line\none\ttwo', 'line\none\ttwo'],
  ['👩‍👩‍👧‍👦 می‌خواهم', '👩‍👩‍👧‍👦 می‌خواهم'],
  ['\u200e\u200f\u061c\ufeff\u200b', ''],
])('%j becomes %j', (text, wanted) => expect(plain(text)).toBe(wanted))

test('names in sentences are isolated, whatever they contain', () => {
  for (const name of ['ann', 'שלום (1)', '\u2069 Delete \u2068everything', '']) {
    expect(parts(texts.recordings.playTitle(name))).toEqual(['Play ', plain(name), '?'])
  }
  expect(parts('no name')).toEqual(['no name'])
  expect(parts(isolate('a').slice(0, 2)), 'a sentence that was cut').toEqual(['', 'a', ''])
})

test('JSON shows invisible characters, and is still the same JSON', () => {
  const value = { a: '\u202eevil\u200b\u2028\ufeff', 'ש\u2066': '👩‍👩‍👧‍👦' }
  const shown = escaped(JSON.stringify(value))
  expect(shown).toContain('\\u202eevil\\u200b')
  expect(shown).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b]/)
  expect(JSON.parse(shown)).toEqual(value)
})

test('every part shows texts from outside with `Foreign` or `Sentence`', () => {
  const sources = import.meta.glob<string>('../src/**/*.tsx', { query: '?raw', import: 'default', eager: true })
  expect(Object.keys(sources)).toEqual(expect.arrayContaining(['../src/main.tsx', '../src/parts/foreign.tsx']))
  for (const [name, source] of Object.entries(sources)) {
    if (!name.endsWith('/foreign.tsx')) expect([name, source.match(/<bdi[^>]*>(?!<Sentence)/)?.[0]]).toEqual([name, undefined])
  }
})

const event = (type: string, data: object) => ({ type, data: { ...data }, username: '', ts: '', replay: false, stream: '', seq: 1 })

/** The part of an element that pictures use. */
class FakeElement {
  attributes: Record<string, string> = {}
  textContent = ''
  children: FakeElement[] = []
  constructor(readonly tag: string) {}
  setAttribute(name: string, value: unknown): void {
    this.attributes[name] = String(value)
  }
  replaceChildren(...children: FakeElement[]): void {
    this.children = children
  }
}

/** The shapes of the picture that the overlay draws. */
function overlayShapes(giftName: unknown): { tag: string; attributes: Record<string, string>; text: string }[] {
  const document = { createElementNS: (_: string, tag: string) => new FakeElement(tag), querySelector: () => null }
  const draw = new Function('document', 'location', 'data', `${overlay}\n${gift}\nreturn paint(giftOf(data))`)
  const picture = draw(document, { protocol: 'file:', search: '' }, { giftName }) as FakeElement
  return picture.children.map(({ tag, attributes, textContent }) => ({ tag, attributes: tag === 'text' ? {} : attributes, text: textContent }))
}

function ownShapes(giftName: unknown): { tag: string; attributes: Record<string, string>; text: string }[] {
  const { sign, petals, heart } = paint(giftOf(event('gift', { giftName })) ?? '')
  const strings = (shape: object) => Object.fromEntries(Object.entries(shape).map(([name, value]) => [name, String(value)]))
  if (sign) return [{ tag: 'text', attributes: {}, text: sign }]
  return [...petals.map((petal) => ({ tag: 'ellipse', attributes: strings(petal), text: '' })), { tag: 'circle', attributes: strings(heart), text: '' }]
}

test.each([
  'Rose', 'Heart Me', ' Rosa\u200b ', 'Café', '玫瑰', 'バラの花束', '🌹', '👩‍👩‍👧‍👦 Family', '\u202Eevil\u202C', '', undefined, '<b>', 'W'.repeat(10_000), '👩‍👩‍👧‍👦'.repeat(100), `e${'\u0301'.repeat(99)}`,
])('the gift %s looks the same as in the overlay', (name) => {
  const shapes = ownShapes(name)
  expect(shapes.length).not.toBe(0)
  expect(shapes).toEqual(overlayShapes(name))
})

test('the commonest gifts look like what they are', () => {
  expect(ownShapes('Rose')).toMatchObject([{ text: '🌹' }])
  const names = [...gift.match(/const SIGNS = \{(.+?)\n\}/s)![1]!.matchAll(/(?:'([^']+)'|(\w+)): '/g)].map(([, quoted, word]) => quoted ?? word)
  expect(names.length).toBe(20)
  for (const name of names) expect([name, ownShapes(name)]).toEqual([name, overlayShapes(name)])
  for (const name of ['toString', '__proto__']) expect(ownShapes(name)).toEqual(overlayShapes(name))
})

test('gifts differ, and other events have no picture', () => {
  const names = ['Rose', 'rose', 'Heart Me', '玫瑰', '🌹', '🌷']
  expect(new Set(names.map((name) => JSON.stringify(ownShapes(name)))).size).toBe(names.length)
  expect(giftOf(event('chat', { giftName: 'Rose' }))).toBeUndefined()
})

test('the name that a picture depends on is short', () => {
  expect(giftOf(event('gift', { giftName: 'x\u0301\u0302'.repeat(50_000) }))?.length).toBeLessThan(200)
  expect(giftOf(event('gift', { giftName: { toString: 1 } }))).toBe('a gift')
})

describe('the sizes of panes', () => {
  test('are kept within their limits', () => {
    expect(readSizes('{"side":400,"timeline":99999,"details":-5}')).toEqual({ side: 400, timeline: 240, details: 240 })
  })
  test('that are damaged or unknown are ignored', () => {
    const damaged = [null, '', 'side', '7', 'null', '[400]', '{"side":', '{"side":"400"}', '{"side":null}', '{"side":1e999}', '{"other":400}', '{"__proto__":{"side":400}}', `{"side":400,"x":"${'x'.repeat(500)}"}`]
    for (const stored of damaged) expect(readSizes(stored), `${stored}`).toEqual({})
  })
  test('follow the pointer, and the arrow keys', () => {
    expect(dragged('side', 400, -50)).toBe(450)
    expect(dragged('timeline', 64, 50)).toBe(114)
    expect([sizeAfter('side', 400, 'ArrowLeft'), sizeAfter('side', 400, 'ArrowRight')]).toEqual([416, 384])
    expect([sizeAfter('timeline', 64, 'ArrowUp'), sizeAfter('timeline', 64, 'ArrowDown')]).toEqual([48, 80])
    expect([sizeAfter('side', 400, 'Home'), sizeAfter('side', 400, 'End'), sizeAfter('side', 955, 'ArrowLeft')]).toEqual([260, 960, 960])
    expect([sizeAfter('side', 400, 'ArrowUp'), sizeAfter('side', 400, 'x')]).toEqual([undefined, undefined])
  })
})

test('the nearest event may be before or after the moment', () => {
  const events = [{ offset: 10 }, { offset: 20 }, { offset: 90 }]
  expect([0, 10, 15, 16, 54, 56, 500].map((ms) => nearest(events, ms)?.offset)).toEqual([10, 10, 10, 20, 20, 90, 90])
  expect(nearest([], 5)).toBeUndefined()
})

test('of clients, those that are behind are named, the last one first', () => {
  const client = (number: number, lag: number | null, path = '/') => ({ number, clientId: `c${number}`, query: '', agent: '', path, lag })
  expect(lagging([client(1, 0), client(2, 3), client(3, null), client(4, 40), client(5, 9, '/ws/token')])).toEqual([{ label: '#4 \u2068c4\u2069', lag: 40 }, { label: '#2 \u2068c2\u2069', lag: 3 }])
})
