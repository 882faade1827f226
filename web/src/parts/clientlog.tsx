/** Beside the events: where each client is, what it asked for, and what it was sent again. */

import { signal } from '@preact/signals'
import { bytes, clockTime } from '../lib/format.ts'
import { labelOf } from '../lib/client.ts'
import { type Entry, clientCount, history, isListed, readers } from '../state/clients.ts'
import type { ConnectionView } from '../state/rest.ts'
import { texts } from '../texts.ts'
import { Sentence } from './foreign.tsx'
import { Icon } from './icons.tsx'

const say = texts.clientLog

export const isLogOpen = signal(false)

export function ClientLog() {
  return (
    <aside class="details client-log" aria-label={say.title}>
      <div class="details-head">
        <h3>{say.title}</h3>
        <button type="button" class="icon-button" aria-label={say.close} onClick={() => (isLogOpen.value = false)}>
          <Icon name="close" />
        </button>
      </div>
      <div class="client-log-body" tabIndex={0}>
        <ul aria-label={say.where}>
          {readers.value.map((client) => (
            <li key={client.id}>
              <span class="client-name"><Sentence text={labelOf(client)} /></span>
              <span class={client.lag ? 'lagging' : 'quiet'}>{where(client)}</span>
            </li>
          ))}
        </ul>
        {history.value.length === 0 && <p class="quiet">{isListed.value ? texts.connect.nobody : texts.connect.tooMany(clientCount.value)}</p>}
        <ol aria-label={say.log}>
          {history.value.map((entry) => (
            <li key={`${entry.client.id} ${entry.end ? 'left' : ''}`}>
              <time class="quiet">{clockTime(entry.time)}</time> <span class="client-name"><Sentence text={labelOf(entry.client)} /></span>{' '}
              <Sentence text={what(entry)} />
            </li>
          ))}
        </ol>
      </div>
    </aside>
  )
}

const where = ({ position, lag }: ConnectionView): string => (position === null ? say.noFeed : say.at(position, lag ?? 0))

function what({ client, end }: Entry): string {
  if (end) return say.left(end.byServer, end.code, end.reason, end.position, bytes(end.sentBytes))
  return say.came(`${client.path}${client.query && `?${client.query}`}`, client.resent ?? 0)
}
