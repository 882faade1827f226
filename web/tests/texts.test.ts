import { expect, test } from 'vitest'
import { texts } from '../src/texts.ts'

test('hints for browser users name neither flags nor endpoints', () => {
  for (const hint of Object.values(texts.errors.hints)) expect(hint).not.toMatch(/--|\blivetape [a-z]+ [A-Z]|\b(GET|POST|PUT|DELETE) \/|LIVETAPE_/)
})
