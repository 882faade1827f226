import { describe, expect, test } from 'vitest'
import { labelOf, programOf } from '../src/lib/client.ts'
import { moment, momentOf, offsetOf } from '../src/lib/moment.ts'
import { freeName, nameOf } from '../src/lib/names.ts'
import { placesIn } from '../src/lib/places.ts'
import { plain } from '../src/lib/plain.ts'
import { LANGUAGES, snippet, testSnippet, totalOf } from '../src/lib/snippets.ts'
import { barAt, bars, countsIn, within, zoomed } from '../src/lib/timeline.ts'

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
    const code = snippet(language, 'ws://localhost:3000/', 'http://localhost:3000/overlays/alerts.html', true)
    expect(decodeURIComponent(code)).toContain('ws://localhost:3000/')
    expect(code).toContain('YOUR_TOKEN')
    expect(snippet(language, 'ws://localhost:3000/', 'http://localhost:3000/overlays/alerts.html', false)).not.toContain('YOUR_TOKEN')
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
