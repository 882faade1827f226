/** A button that copies a test of a client, in the language that was chosen last. */

import { signal } from '@preact/signals'
import { type Part, TEST_LANGUAGES, type TestLanguage, testSnippet } from '../lib/snippets.ts'
import { copy } from '../state/messages.ts'
import { texts } from '../texts.ts'
import { CopyButton } from './buttons.tsx'

const say = texts.test
const KEY = 'livetape.test'
const known = TEST_LANGUAGES.find((name) => name === localStorage.getItem(KEY))
const language = signal<TestLanguage>(known ?? 'vitest')

export function CopyTest({ part }: { part: Part }) {
  return (
    <span class="copy-test" title={say.hint(part.total, part.case !== undefined)}>
      <select
        aria-label={say.language}
        value={language}
        onChange={({ currentTarget }) => {
          language.value = currentTarget.value as TestLanguage
          localStorage.setItem(KEY, language.value)
        }}
      >
        {TEST_LANGUAGES.map((name) => <option key={name} value={name}>{say.languages[name]}</option>)}
      </select>
      <CopyButton label={say.copy} onClick={() => copy(testSnippet(language.value, part), say.test)} />
    </span>
  )
}
