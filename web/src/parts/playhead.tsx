/** Where everything is now: the state, the moment, the last event, and how far clients are. Stays with the list of events. */

import { lagging } from '../lib/client.ts'
import { compact, offsetTime } from '../lib/format.ts'
import { clientCount, isListed, readers } from '../state/clients.ts'
import { view } from '../state/feed.ts'
import { away, now, replay, status } from '../state/server.ts'
import { cursor, offsetNow } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { opened } from './details.tsx'
import { Foreign, Sentence } from './foreign.tsx'
import { Who } from './line.tsx'

const say = texts.playhead

export function Playhead() {
  const [played, source] = [replay.value, status.value]
  if (!source) return null
  return (
    <div class="playhead-line" role="group" aria-label={say.title}>
      {!away.value && (
        <span class={`pill phase-${played?.state ?? source.state}`}>
          {(played ? texts.transport.state[played.state] : texts.source.state[source.state]) ?? played?.state ?? source.state}
        </span>
      )}
      {played && <Moment />}
      <Current />
      <span class="space" />
      <Clients />
    </div>
  )
}

function Moment() {
  void now.value
  return <strong class="playhead-time">{offsetTime(offsetNow(), true)}</strong>
}

/** The last event, at which a paused replay is, also if the list does not show it. */
function Current() {
  const at = view.value?.last
  if (!at || at.row.seq === 0) return null
  const { id, type, name, handle, text, count } = at.row
  return (
    <button type="button" class={`at-event ${cursor.value ? 'current' : ''}`} title={texts.feed.open} onClick={() => (opened.value = id)}>
      <span class="quiet">{cursor.value ? texts.transport.current : say.last}</span> <Foreign class="type" text={type} /> <Who name={name} handle={handle} />
      <bdi class="text"><Sentence text={text} /></bdi>
      {count !== undefined && <strong class="count">{texts.feed.total(compact(count))}</strong>}
      {at.index < 0 && <span class="tag">{texts.transport.filteredOut}</span>}
    </button>
  )
}

/** How many clients there are, and the one that is most events behind. */
function Clients() {
  const count = clientCount.value
  const [slowest, ...others] = lagging(readers.value)
  return (
    <span class="playhead-clients" title={texts.connect.whatCounts}>
      {say.clients(count)}
      {slowest && <>{': '}<span class="lagging"><Sentence text={say.behind(slowest.label, slowest.lag, others.length)} /></span></>}
      {!slowest && count > 0 && isListed.value && `: ${count === 1 ? say.oneUpToDate : say.upToDate}`}
    </span>
  )
}
