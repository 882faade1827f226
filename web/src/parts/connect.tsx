/** Where and how to connect an overlay or bot, who is connected, and what clients did. */

import { signal } from '@preact/signals'
import { labelOf, nameOf, programOf } from '../lib/client.ts'
import { bytes, clockTime } from '../lib/format.ts'
import { LANGUAGES, type Language, TOKEN, snippet } from '../lib/snippets.ts'
import { socketUrl, token, url } from '../state/api.ts'
import { CLIENTS_MAX, type Entry, clientCount, clients, close, closing, history, isListed, readers, streams } from '../state/clients.ts'
import { copy } from '../state/messages.ts'
import type { ConnectionView } from '../state/rest.ts'
import { features, health, mode, readOnly, status } from '../state/server.ts'
import { texts } from '../texts.ts'
import { Address, CopyButton, IconButton } from './buttons.tsx'
import { Foreign, Sentence } from './foreign.tsx'

const say = texts.connect
const KEY = 'livetape.connect'
/** What the page shows in place of the token that a link for OBS has. */
const HIDDEN = '•••'

/** The open section; `undefined` until the user chooses one. */
type Section = Language | 'clients' | ''
const chosen = signal<Section | undefined>((localStorage.getItem(KEY) as Section | null) ?? undefined)

function open(section: Section): void {
  chosen.value = section
  localStorage.setItem(KEY, section)
}

/** The URL of the feed without the token. */
const feedUrl = (): string => socketUrl().replace(/\?.*$/, '')

export function Connect() {
  const address = feedUrl()
  const tikfinity = health.value?.tikfinity
  // While nothing is connected, the page shows how to connect.
  const section = chosen.value ?? (mode.value === 'idle' ? 'browser' : '')
  const sections: Section[] = [...LANGUAGES.filter((language) => language !== 'obs' || features.value.overlays)]
  if (features.value.connections) sections.push('clients')
  return (
    <section class="panel connect-panel" aria-labelledby="connect-title">
      <div class="connect-head">
        <h2 id="connect-title">{say.title}</h2>
        <Address address={address} name={say.address} label={say.copyAddress} />
        {tikfinity && <Address address={tikfinity} name={say.address} label={say.copyTikfinity} />}
        <span class="space" />
        <div class="sections" role="group" aria-label={say.sections}>
          {sections.map((name) => (
            <button
              key={name}
              type="button"
              class="chip"
              aria-expanded={section === name}
              aria-controls="connect-body"
              title={name === 'clients' ? say.whatCounts : undefined}
              // The first click on the default section keeps it open: users look for what it shows.
              onClick={() => open(section === name && chosen.value !== undefined ? '' : name)}
            >
              {name === 'clients' ? say.clients(clientCount.value) : say.languages[name]}
            </button>
          ))}
        </div>
      </div>
      <div id="connect-body" class="connect-body" hidden={section === ''}>
        {section === 'clients' ? <Clients /> : section !== '' && <Code language={section} address={address} />}
      </div>
    </section>
  )
}

function Code({ language, address }: { language: Language; address: string }) {
  const codeWith = (secret: string): string => snippet(language, address, url('overlays/alerts.html'), token.value && secret)
  // Dots say that nothing has to be replaced.
  const code = language === 'obs' ? codeWith(HIDDEN).replace(encodeURIComponent(HIDDEN), HIDDEN) : codeWith(TOKEN)
  // A link for OBS works at once. Code may be shared, so it never contains the token.
  const copyByHand = (event: ClipboardEvent): void => {
    if (language !== 'obs') return
    event.preventDefault()
    event.clipboardData?.setData('text/plain', codeWith(token.value))
  }
  const copyCode = (): Promise<void> =>
    token.value === '' ? copy(code, say.code) : language === 'obs' ? copy(codeWith(token.value), say.secretLink) : copy(code, say.codeWithout(TOKEN))
  return (
    <>
      {language === 'obs' && (
        <p class="quiet">
          {say.obs} <a href={url('overlays/')} target="_blank" rel="opener">{say.builder}</a>
        </p>
      )}
      <div class="snippet">
        <pre tabIndex={0} aria-label={say.languages[language]} onCopy={copyByHand}>{code}</pre>
        <CopyButton label={say.copyCode} onClick={copyCode} />
      </div>
    </>
  )
}

function Clients() {
  const open = (status.value?.clients ?? 0) + (status.value?.observers ?? 0)
  const dashboards = clients.value.filter(({ observer }) => observer).length
  if (open > CLIENTS_MAX) return <p class="quiet">{say.tooMany(open)}</p>
  return (
    <>
      {clientCount.value === 0 && <p class="quiet">{say.nobody}</p>}
      {readers.value.length > 0 && (
        <ul class="clients">
          {readers.value.map((client) => <Row key={client.id} client={client} />)}
        </ul>
      )}
      {streams.value > 0 && <p class="quiet">{say.streams(streams.value)}</p>}
      {dashboards > 1 && <p class="quiet">{say.dashboards(dashboards)}</p>}
    </>
  )
}

function Row({ client }: { client: ConnectionView }) {
  const since = clockTime(client.createdAt).slice(0, 8)
  return (
    <li>
      <span class="client-name" title={say.identity(client.clientId, client.agent)}><Sentence text={labelOf(client)} /></span>
      {nameOf(client) && programOf(client) && <Foreign class="tag" text={programOf(client)} />}
      {client.origin && client.origin !== location.origin && <Foreign class="quiet" text={client.origin} />}
      <code><Foreign text={client.path} /></code>
      <Foreign class="quiet client-filter" text={client.filter || say.everything} />
      <span class="quiet">{say.since(since)}</span>
      {client.position !== null && (
        <span class={client.lag ? 'lagging' : 'quiet'}>{say.position(client.position, client.lag ?? 0)}</span>
      )}
      <button type="button" class="button small" title={say.disconnectHint} disabled={readOnly.value || closing.value} onClick={() => void close(client)}>{say.disconnect}</button>
    </li>
  )
}

const log = texts.clientLog

export const isLogOpen = signal(false)

/** Beside the events: where each client is, what it asked for, and what it was sent again. */
export function ClientLog() {
  return (
    <aside class="details client-log" aria-label={log.title}>
      <div class="details-head">
        <h3>{log.title}</h3>
        <IconButton icon="close" label={log.close} onClick={() => (isLogOpen.value = false)} />
      </div>
      <div class="client-log-body" tabIndex={0}>
        <ul aria-label={log.where}>
          {readers.value.map((client) => (
            <li key={client.id}>
              <span class="client-name"><Sentence text={labelOf(client)} /></span>
              <span class={client.lag ? 'lagging' : 'quiet'}>{where(client)}</span>
            </li>
          ))}
        </ul>
        {history.value.length === 0 && <p class="quiet">{isListed.value ? texts.connect.nobody : texts.connect.tooMany(clientCount.value)}</p>}
        <ol aria-label={log.log}>
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

const where = ({ position, lag }: ConnectionView): string => (position === null ? log.noFeed : log.at(position, lag ?? 0))

function what({ client, end }: Entry): string {
  if (end) return log.left(end.byServer, end.code, end.reason, end.position, bytes(end.sentBytes))
  return log.came(`${client.path}${client.query && `?${client.query}`}`, client.resent ?? 0)
}
