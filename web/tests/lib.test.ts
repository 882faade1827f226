import { describe, expect, test } from 'vitest'
import { rowsOf } from '../src/lib/fields.ts'
import { bytes, clockTime, compact, countdown, duration, offsetTime, quantile, rate } from '../src/lib/format.ts'
import { hue, initials } from '../src/lib/person.ts'
import { Ring } from '../src/lib/ring.ts'
import { line } from '../src/lib/spark.ts'
import { nextSpeed, readSpeed } from '../src/lib/speed.ts'
import { bars } from '../src/lib/timeline.ts'
import { OVERSCAN_ROWS, isAtEnd, scrollTopAfterDrop, scrollTopToShow, windowOf } from '../src/lib/virtual.ts'

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
