/** What to do while nothing is connected or playing. */

import { recordings } from '../state/recordings.ts'
import { isLive, replay } from '../state/server.ts'
import { load } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { Icon } from './icons.tsx'

/** Name of the built-in recording. */
const DEMO = 'demo'
const say = texts.start

export const isIdle = (): boolean => !replay.value && !isLive()

export function Start() {
  if (!isIdle()) return null
  const hasDemo = recordings.value.some(({ name }) => name === DEMO)
  return (
    <section class="panel start" aria-labelledby="start-title">
      <h2 id="start-title" class="hidden">{say.title}</h2>
      {hasDemo && (
        <button type="button" class="button primary big" onClick={() => void load(DEMO)}>
          <Icon name="play" />
          {say.demo}
        </button>
      )}
      <ul class="quiet">
        <li>{say.drop}</li>
        <li>
          <button type="button" class="link" onClick={() => document.querySelector<HTMLElement>('.connect input')?.focus()}>{say.user}</button>
        </li>
        <li>{say.mock} <code>{say.mockCommand}</code></li>
      </ul>
    </section>
  )
}
