// An overlay page with planted bugs: a Playwright test written with these helpers finds each, and its healthy twin passes.

import { fileURLToPath } from 'node:url'

import { beforeAll, describe, expect, test } from 'vitest'

import { playwright } from '../run.mjs'
import { BUGS } from './diamonds.mjs'

const FOUND = {
  'ignores Retry-After': /expected no request for 1000 ms after the failure at \d+ ms; one came after \d+ ms/,
  'counts every streak frame': /Expected: "\d+"[^]*Received: "\d+"/,
  'does not resume': /Expected: "8"[^]*Received: "1"/,
  'dies of an unhandled rejection': /Expected: "5"[^]*Received: "0"/,
}

let results
beforeAll(async () => {
  const folder = (name) => fileURLToPath(new URL(name, import.meta.url))
  results = (await playwright(folder('../..'), folder('.'))).results
})

describe.each(BUGS)('an overlay that %s', (bug) => {
  test('is found', () => {
    const { status, errors, attachments } = results[`overlay.spec.mjs ${bug}`]
    expect(status).toBe('failed')
    expect(errors[0].message.replaceAll(/\x1b\[\d+m/g, '')).toMatch(FOUND[bug])
    expect(attachments.map(({ name }) => name)).toContain('livetape.log')
  })

  test('has a healthy twin, which passes the same test', () => {
    expect(results[`overlay.spec.mjs healthy: ${bug}`]).toMatchObject({ status: 'passed' })
  })
})
