import { describe, expect, test } from 'vitest'
import fields from '../../examples/overlays/fields.js?raw'
import overlay from '../../examples/overlays/overlay.js?raw'

type Field = [name: string, label: string, unset: string, kind: unknown]

interface Setup {
  boxOf(options: Record<string, string>): [width: number, height: number]
  changed(): [name: string, value: string][]
  fieldsOf(): Field[]
  noteOf(field: Field, input: object): [kind: string, note: string]
}

/** The fields of the setup page that is opened with a query. */
function setupOf(search: string): Setup {
  const document = { createElement: () => ({ getContext: () => ({}) }), querySelector: () => null }
  const run = new Function('document', 'location', `${overlay}\n${fields}\nreturn { boxOf, changed, fieldsOf, noteOf }`)
  return run(document, { protocol: 'file:', search }) as Setup
}

describe('the size of a source in OBS', () => {
  test.each([
    ['alerts', {}, [520, 320]],
    ['alerts', { max: '5' }, [520, 800]],
    ['leaderboard', {}, [420, 300]],
    ['leaderboard', { max: '10' }, [420, 500]],
    ['chat', {}, [420, 520]],
    ['chat', { max: '3' }, [420, 520]],
    ['chat', { max: '30' }, [420, 1210]],
    ['battle', { seconds: '60' }, [640, 170]],
    ['goal', { size: '48', status: '1' }, [1120, 280]],
  ] as const)('of %s with %j', (page, options, box) => {
    expect(setupOf(`?page=${page}`).boxOf(options)).toEqual(box)
  })
})

describe('the number to reach', () => {
  const linkOf = (goal: string): string | undefined => Object.fromEntries(setupOf(`?page=goal&goal=${encodeURIComponent(goal)}`).changed()).goal
  test.each([
    ['2.000', '2000'], ['2,000', '2000'], ['2 000', '2000'], ["2'000", '2000'], ['2’000', '2000'], ['1.234.567', '1234567'], ['1,000', '1000'], [' 20 ', '20'], ['1e6', '1e6'],
  ])('%j is %s', (typed, goal) => expect(linkOf(typed)).toBe(goal))
  test.each(['0', '0.000', '-5', '1.234,50', '1.234,567', '12,34', 'many', ''])('%j is refused', (typed) => expect(linkOf(typed)).toBeUndefined())
})

test('a mistaken value is a sentence below its field', () => {
  const { fieldsOf, noteOf } = setupOf('?page=goal&goal=0&size=3&title=ok')
  const notes = fieldsOf().map((field) => noteOf(field, {})).filter(([, note]) => note !== '')
  expect(notes).toEqual([
    ['wrong', 'The value is not a number from 1 to 1,000,000,000,000: the default is used.'],
    ['wrong', 'The value is not a number from 8 to 200: the default is used.'],
  ])
})
