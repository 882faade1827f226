/** The mock TikTok that the server runs: what its clients asked, and how it answered. */

import { countdown, duration } from '../lib/format.ts'
import { mock, stop } from '../state/mock.ts'
import type { MockEntry } from '../state/rest.ts'
import { now, retryAt, status } from '../state/server.ts'
import { texts } from '../texts.ts'
import { Address } from './buttons.tsx'
import { Foreign, Sentence } from './foreign.tsx'

const say = texts.mock

export function Mock() {
  const running = mock.value
  if (!running) return null
  const { scenario, url, entries, received } = running
  const isRetrying = status.value?.state === 'retrying' && retryAt.value > now.value
  return (
    <section class="panel mock" aria-labelledby="mock-title">
      <div class="connect-head">
        <h2 id="mock-title">{say.title}</h2>
        <span><Sentence text={say.running(scenario)} /></span>
        <Address address={url} name={say.address} label={say.copyAddress} />
        <span class="space" />
        <span class="quiet">{say.received(received)}</span>
        <button type="button" class="button small" onClick={() => void stop()}>{say.stop}</button>
      </div>
      {isRetrying && <p class="countdown">{say.retry(countdown(retryAt.value - now.value))}</p>}
      {entries.length === 0 ? <p class="quiet">{say.empty}</p> : (
        <ol class="mock-log" tabIndex={0} aria-label={say.list}>
          {entries.map((entry, index) => <Entry key={index} entry={entry} />).reverse()}
        </ol>
      )}
    </section>
  )
}

function Entry({ entry: { atMs, connection, what, details, status: answer, fault } }: { entry: MockEntry }) {
  return (
    <li class={fault ? 'failed' : ''}>
      <span class="quiet">{duration(atMs)}</span>
      <span class="quiet">#{connection}</span>
      <Foreign text={say.what[what] ?? what} />
      <Foreign class="mock-details" text={details} />
      <span>
        {answer !== null && say.answers(answer)}
        {fault && <strong> <Sentence text={say.fault(fault)} /></strong>}
      </span>
    </li>
  )
}
