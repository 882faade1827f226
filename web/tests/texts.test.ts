import { expect, test } from 'vitest'
import { hints } from '../src/hints.ts'
import { hintOf, titleOf } from '../src/lib/failures.ts'
import { escaped, isolate, parts, plain } from '../src/lib/plain.ts'
import { texts } from '../src/texts.ts'

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
  const sources = import.meta.glob<string>('../src/parts/*.tsx', { query: '?raw', import: 'default', eager: true })
  expect(Object.keys(sources).length).toBeGreaterThan(20)
  for (const [name, source] of Object.entries(sources)) {
    if (!name.endsWith('/foreign.tsx')) expect([name, source.match(/<bdi[^>]*>(?!<Sentence)/)?.[0]]).toEqual([name, undefined])
  }
})
