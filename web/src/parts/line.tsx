/** One row of the list. Names and texts are isolated text nodes: their writing direction does not affect the rest. */

import { memo } from './memo.ts'
import type { Row } from '../feed/protocol.ts'
import { clockTime, compact, offsetTime } from '../lib/format.ts'
import { hue, initials } from '../lib/pictures.ts'
import { texts } from '../texts.ts'
import { opened } from './details.tsx'
import { Foreign, Sentence } from './foreign.tsx'
import { Gift } from './icons.tsx'

interface Props {
  row: Row
  /** Whether a paused replay is at this event. */
  isCurrent: boolean
  at: number
  total: number
  top: number
  /** Offset in the recording that is playing, if the event is from it. */
  offset: number | undefined
  /** Names of the clients whose last event this is, one per line. */
  here: string
}

/** Maximum number of clients to name in a row. */
const HERE_MAX = 2

const say = texts.feed

export const Line = memo(
  ({ row, isCurrent, at, total, top, offset, here }: Props) => (
    <article
      class={`line kind-${row.group} ${row.final === false ? 'running' : ''} ${row.replay && row.type === 'connection_created' ? 'lap' : ''} ${isCurrent ? 'current' : ''}`}
      aria-current={isCurrent ? 'true' : undefined}
      style={{ transform: `translateY(${top}px)` }}
      data-at={at}
      tabIndex={-1}
      aria-posinset={at + 1}
      aria-setsize={total}
      onClick={() => (opened.value = row.id)}
      onKeyDown={(event) => {
        // Space plays and pauses.
        if (event.key !== 'Enter') return
        event.preventDefault()
        opened.value = row.id
      }}
    >
      <time dateTime={row.time} title={clockTime(row.time)}>{offset === undefined ? clockTime(row.time) : offsetTime(offset, true)}</time>
      <span class="type">{row.type}</span>
      {row.name ? (
        <span class="avatar" style={{ '--hue': hue(row.key) }} aria-hidden="true">
          {initials(row.name)}
        </span>
      ) : (
        <span class="avatar none" aria-hidden="true" />
      )}
      <span class="said">
        <Who name={row.name} handle={row.handle} />
        <bdi class="text"><Sentence text={row.text} /></bdi>
        {row.gift !== undefined && <Gift name={row.gift} />}
        {row.count !== undefined && <Count row={row} />}
        {row.note && <span class="tag">{say[row.note]}</span>}
        {here !== '' && <Here names={here.split('\n')} />}
      </span>
    </article>
  ),
  (a, b) => a.row.id === b.row.id && a.row.version === b.row.version && a.isCurrent === b.isCurrent && a.at === b.at && a.top === b.top && a.offset === b.offset && a.here === b.here,
)

/** The clients whose last event this is. */
function Here({ names }: { names: string[] }) {
  return (
    <span class="here" title={texts.clientLog.here(names.join(', '))}>
      {names.slice(0, HERE_MAX).map((name) => <span key={name}><Sentence text={name} /> </span>)}
      {names.length > HERE_MAX && texts.clientLog.more(names.length - HERE_MAX)}
    </span>
  )
}

/** A person: the nickname, then the unique id. */
export function Who({ name, handle }: { name: string; handle: string }) {
  if (name === '') return null
  return (
    <>
      <Foreign class="name" text={name} title={handle && say.handle(handle)} />
      {handle && <Foreign class="handle" text={say.handle(handle)} />}
    </>
  )
}

/** The total of a streak so far, and while it lasts, what its last event added. */
function Count({ row: { count = 0, added = 0, diamonds = 0, final } }: { row: Row }) {
  return (
    <>
      <strong class="count" title={final === undefined ? undefined : final ? say.totalTitle(count) : say.running}>{say.total(compact(count))}</strong>
      {final === false && added > 0 && added < count && <span class="added" title={say.addedTitle(added)}>{say.added(added)}</span>}
      {diamonds > 0 && <span class="diamonds" title={say.diamonds(diamonds)}>◆ {compact(diamonds)}</span>}
    </>
  )
}
