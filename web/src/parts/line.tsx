/** One row of the list. Names and texts are isolated text nodes: their writing direction does not affect the rest. */

import { memo } from './memo.ts'
import type { Row } from '../feed/row.ts'
import { clockTime, compact, offsetTime } from '../lib/format.ts'
import { hue, initials } from '../lib/person.ts'
import { texts } from '../texts.ts'
import { opened } from './details.tsx'
import { Gift } from './gift.tsx'

interface Props {
  row: Row
  at: number
  total: number
  top: number
  /** Offset in the recording that is playing, if the event is from it. */
  offset: number | undefined
}

const say = texts.feed

export const Line = memo(
  ({ row, at, total, top, offset }: Props) => (
    <article
      class={`line kind-${row.group} ${row.final === false ? 'running' : ''} ${row.replay && row.type === 'connection_created' ? 'lap' : ''}`}
      style={{ transform: `translateY(${top}px)` }}
      data-at={at}
      tabIndex={-1}
      aria-posinset={at + 1}
      aria-setsize={total}
      onClick={() => (opened.value = row.id)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return
        event.preventDefault()
        opened.value = row.id
      }}
    >
      <time dateTime={row.time} title={clockTime(row.time)}>{offset === undefined ? clockTime(row.time) : offsetTime(offset, true)}</time>
      <span class="type">{row.type}</span>
      {row.name ? (
        <span class="avatar" style={{ '--hue': hue(row.key) }} aria-hidden="true">
          {initials(row.nickname || row.name)}
        </span>
      ) : (
        <span class="avatar none" aria-hidden="true" />
      )}
      <span class="said">
        {row.name && <bdi class="name" title={row.nickname}>{row.name}</bdi>}
        <bdi class="text">{row.text}</bdi>
        {row.gift !== undefined && <Gift name={row.gift} />}
        {row.count !== undefined && <Count row={row} />}
        {row.note && <span class="tag">{say[row.note]}</span>}
      </span>
    </article>
  ),
  (a, b) => a.row.id === b.row.id && a.row.version === b.row.version && a.at === b.at && a.top === b.top && a.offset === b.offset,
)

function Count({ row }: { row: Row }) {
  return (
    <>
      <strong class="count" title={row.final === false ? say.running : ''}>×{compact(row.count ?? 0)}</strong>
      {(row.diamonds ?? 0) > 0 && (
        <span class="diamonds" title={say.diamonds(row.diamonds ?? 0)}>◆ {compact(row.diamonds ?? 0)}</span>
      )}
    </>
  )
}
