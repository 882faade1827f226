// What handlers may return.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { runInNewContext } from 'node:vm'
import { test } from 'node:test'

const { decide } = createRequire(import.meta.url)('../dist/verdict.cjs')

const CONTINUE = { cancels: false, message: undefined }
const CANCEL = { ...CONTINUE, cancels: true }
const VALID = [
  [undefined, CONTINUE], [null, CONTINUE], [{}, CONTINUE], [Object.create(null), CONTINUE],
  [{ shouldCancel: false }, CONTINUE], [{ shouldContinue: true }, CONTINUE], [{ shouldContinue: true, shouldCancel: false }, CONTINUE],
  [{ shouldCancel: true }, CANCEL], [{ shouldContinue: false }, CANCEL], [{ shouldContinue: true, shouldCancel: true }, CANCEL], [{ shouldContinue: false, shouldCancel: false }, CANCEL],
  [runInNewContext('({ shouldCancel: true })'), CANCEL],
  [{ modifiedEvent: { message: 'x' } }, { ...CONTINUE, message: '"x"' }], [{ modifiedEvent: { data: [1] } }, { ...CONTINUE, message: '[1]' }],
  [{ modifiedEvent: { message: null } }, { ...CONTINUE, message: 'null' }], [{ shouldCancel: true, modifiedEvent: { message: '' } }, { cancels: true, message: '""' }],
]
const cycle = {}
cycle.cycle = cycle
class Verdict {
  shouldCancel = true
}
const INVALID = [
  false, true, 0, 1, 42, 5n, NaN, '', 'no', 'cancel', Symbol('x'), () => ({ shouldCancel: true }), [], [true], [{ shouldCancel: true }], new Verdict(), new Map(), new Set(), new Date(), new Error('x'),
  Buffer.from('x'), runInNewContext('[true]'), runInNewContext('({ shouldcancel: true })'),
  { shouldCancel: 1 }, { shouldCancel: 'true' }, { shouldCancel: null }, { shouldCancel: undefined }, { shouldCancel: {} }, { shouldcancel: true }, { ShouldCancel: true }, { cancel: true },
  { shouldContinue: 0 }, { shouldContinue: 'false' }, { shouldContinue: null }, { shouldContinue: undefined }, { shouldcontinue: false }, { shouldCancel: true, reason: 'x' },
  { modifiedEvent: 7 }, { modifiedEvent: 'x' }, { modifiedEvent: null }, { modifiedEvent: undefined }, { modifiedEvent: [] }, { modifiedEvent: {} }, { modifiedEvent: { mesage: 'x' } },
  { modifiedEvent: { message: undefined } }, { modifiedEvent: { message: () => 'x' } }, { modifiedEvent: { message: 5n } }, { modifiedEvent: { data: cycle } },
]

test('a verdict is taken as it is', () => {
  for (const [result, decision] of VALID) assert.deepEqual(decide(result), decision)
})

test('anything that is not exactly a verdict is an error', () => {
  for (const result of INVALID) assert.throws(() => decide(result), { code: 'bad_request' }, typeof result === 'object' ? JSON.stringify(Object.keys(result)) : String(result))
  assert.throws(() => decide({ shouldcancel: true }), { hint: 'did you mean `shouldCancel`?' })
  let reads = 0
  assert.deepEqual(decide({ get shouldCancel() { return (reads += 1) === 1 } }), CANCEL)
})
