/** What to do while nothing is connected or playing. */

import { useSignal } from '@preact/signals'
import { DEMO } from '../lib/recording.ts'
import { url } from '../state/api.ts'
import { run, scenarios } from '../state/mock.ts'
import { recordings } from '../state/recordings.ts'
import { features, isLive, readOnly, replay, status } from '../state/server.ts'
import { load } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { submits } from './buttons.tsx'
import { Foreign } from './foreign.tsx'
import { Icon } from './icons.tsx'

/** The scenario that is selected at first: a LIVE without failures. */
const FIRST = 'demo'
const say = texts.start

export const isIdle = (): boolean => !replay.value && !isLive()

export function Start() {
  if (!isIdle()) return null
  const hasDemo = recordings.value.some(({ name }) => name === DEMO)
  return (
    <section class="panel start" aria-labelledby="start-title">
      <h2 id="start-title" class="hidden">{say.title}</h2>
      {hasDemo && (
        <button type="button" class="button primary big" disabled={readOnly.value} onClick={() => void load(DEMO)}>
          <Icon name="play" />
          {say.demo}
        </button>
      )}
      <ul class="quiet">
        {features.value.overlays && <li><a href={url('overlays/')}>{say.overlay}</a></li>}
        {!readOnly.value && <li>{say.drop}</li>}
        {!readOnly.value && <li>
          <button type="button" class="link" onClick={() => document.querySelector<HTMLElement>('.connect input')?.focus()}>{say.user}</button>
        </li>}
        {/* The nodes of a cluster cannot share the mock of one of them. */}
        {scenarios.value.length > 0 && !readOnly.value && !status.value?.cluster && <Scenarios />}
      </ul>
    </section>
  )
}

function Scenarios() {
  const chosen = useSignal(FIRST)
  const isStarting = useSignal(false)
  const start = async (): Promise<void> => {
    isStarting.value = true
    await run(chosen.value)
    isStarting.value = false
  }
  const description = scenarios.value.find(({ name }) => name === chosen.value)?.description
  return (
    <li>
      <form class="scenario" onSubmit={submits(() => void start())}>
        {say.mock}
        <select aria-label={say.scenario} value={chosen.value} onChange={({ currentTarget }) => (chosen.value = currentTarget.value)}>
          {scenarios.value.map(({ name }) => <option key={name} value={name}>{name}</option>)}
        </select>
        <button type="submit" class="button small" disabled={isStarting.value}>{say.startMock}</button>
        {description && <Foreign class="scenario-text" text={description} />}
      </form>
    </li>
  )
}
