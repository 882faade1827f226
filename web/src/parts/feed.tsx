/** The event list. The page only holds the visible rows; the worker has the rest. */

import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { GROUP_NAMES } from '../feed/protocol.ts'
import { compact, offsetTime } from '../lib/format.ts'
import { offsetOf } from '../lib/recording.ts'
import { placesIn } from '../lib/client.ts'
import { isAtEnd, scrollTopAfterDrop, scrollTopToShow, windowOf } from '../lib/list.ts'
import { readers } from '../state/clients.ts'
import { aside, choose, chosen, clear, everything, hidden, look, paused, query, showAll, span, view } from '../state/feed.ts'
import { features, replay } from '../state/server.ts'
import { cursor, marked, narrows, startedAt } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { CopyButton } from './buttons.tsx'
import { ClientLog, isLogOpen } from './connect.tsx'
import { Details, copyEvents, opened } from './details.tsx'
import { Icon } from './icons.tsx'
import { Line } from './line.tsx'
import { Playhead } from './playhead.tsx'
import { Separator } from './separator.tsx'

const say = texts.feed

export function Feed() {
  return (
    <section class="panel feed" id="feed" aria-labelledby="feed-title">
      <div class="tools">
        <h2 id="feed-title">{say.title}</h2>
        <input
          id="search"
          type="search"
          aria-label={say.search}
          placeholder={say.search}
          value={query}
          onInput={({ currentTarget }) => (query.value = currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return
            query.value = ''
            event.currentTarget.blur()
          }}
        />
        <button type="button" class="button small" aria-pressed={paused} onClick={() => (paused.value = !paused.value)}>
          <Icon name={paused.value ? 'play' : 'pause'} />
          {paused.value ? say.resume : say.pause}
        </button>
        <CopyButton label={say.copyAll} onClick={copyEvents} />
        <button type="button" class="button small" onClick={clear}>{say.clear}</button>
        {features.value.connections && (
          <button type="button" class="button small" aria-pressed={isLogOpen} onClick={() => (isLogOpen.value = !isLogOpen.value)}>{texts.clientLog.show}</button>
        )}
      </div>
      <Filters />
      <Playhead />
      <div class="feed-body">
        <List />
        {(opened.value !== undefined || isLogOpen.value) && <Separator pane="details" />}
        {opened.value !== undefined ? <Details /> : isLogOpen.value && <ClientLog />}
      </div>
      <Footer />
    </section>
  )
}

function Filters() {
  const groups = view.value?.groups ?? {}
  return (
    <div class={`filters ${chosen.value.length > 0 ? 'some' : ''}`} role="group" aria-label={say.filters}>
      <span class="quiet" aria-hidden="true">{say.only}</span>
      <button type="button" class="chip" aria-pressed={chosen.value.length === 0 && !everything.value} title={say.peopleHint} onClick={() => showAll(false)}>{say.people}</button>
      <button type="button" class="chip" aria-pressed={chosen.value.length === 0 && everything.value} onClick={() => showAll(true)}>{say.all}</button>
      {marked.value && startedAt.value !== undefined && (
        <button type="button" class="chip" aria-pressed={narrows.value} title={say.rangeHint} onClick={() => (narrows.value = !narrows.value)}>
          {say.range(offsetTime(marked.value.fromMs, true), offsetTime(marked.value.toMs, true))}
        </button>
      )}
      {GROUP_NAMES.map((group) => (
        <button
          key={group}
          type="button"
          class={`chip kind-${group}`}
          aria-pressed={chosen.value.includes(group)}
          title={say.onlyHint(texts.groups[group] ?? group)}
          onClick={({ altKey }) => choose(group, altKey)}
        >
          <span class="swatch" />
          {texts.groups[group]}
          <span class="chip-count">{compact(groups[group] ?? 0)}</span>
        </button>
      ))}
    </div>
  )
}

function List() {
  const scroller = useRef<HTMLDivElement>(null)
  const follow = useSignal(true)
  const rowHeight = useSignal(36)
  const dropped = useRef(0)
  /** Position of our last own scroll, whose event must not be taken for the user’s. */
  const made = useRef(-1)
  const resized = useRef<(element: HTMLElement) => void>(() => undefined)
  const seen = view.value
  const total = seen?.total ?? 0

  const report = (): void => {
    const element = scroller.current
    if (!element) return
    const { first, count } = windowOf(element.scrollTop, element.clientHeight, rowHeight.value, total)
    look(first, Math.max(count, Math.ceil(element.clientHeight / rowHeight.value) + 24), follow.value)
  }
  const scrollTo = (top: number): void => {
    const element = scroller.current
    if (!element) return
    element.scrollTop = top
    made.current = element.scrollTop
  }

  // The observer outlives this drawing, whose number of rows is outdated then.
  resized.current = (element) => {
    rowHeight.value = Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) || 36
    if (follow.value) scrollTo(total * rowHeight.value)
    report()
  }
  useEffect(() => {
    const element = scroller.current
    if (!element) return undefined
    const observer = new ResizeObserver(() => resized.current(element))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  useLayoutEffect(() => {
    const element = scroller.current
    if (!element || !seen) return
    const gone = Math.max(0, seen.dropped - dropped.current)
    dropped.current = seen.dropped
    if (follow.value) scrollTo(total * rowHeight.value)
    else if (gone > 0) scrollTo(scrollTopAfterDrop(element.scrollTop, gone, rowHeight.value))
  }, [seen, rowHeight.value])

  const onScroll = (): void => {
    const element = scroller.current
    if (!element) return
    if (Math.abs(element.scrollTop - made.current) > 1) {
      follow.value = isAtEnd(element.scrollTop, element.clientHeight, total, rowHeight.value)
      made.current = -1
    }
    report()
  }
  const toEnd = (): void => {
    follow.value = true
    scrollTo(total * rowHeight.value)
    report()
  }

  /** Moves the focus among rows, following the ARIA feed pattern. */
  const onKeyDown = (event: KeyboardEvent): void => {
    const element = scroller.current
    if (!element) return
    const focused = (event.target as Element).closest<HTMLElement>('article')
    // Keys pressed before the next row is drawn start from the row that is about to get the focus.
    const at = wanted.current ?? (focused ? Number(focused.dataset.at) : -1)
    if (event.key === 'Enter' && wanted.current !== undefined) {
      event.preventDefault()
      opensWanted.current = true
      return
    }
    const page = Math.max(1, Math.floor(element.clientHeight / rowHeight.value) - 1)
    const [top, end] = [element.scrollTop / rowHeight.value, (element.scrollTop + element.clientHeight) / rowHeight.value]
    // From outside, the first key goes to the row at that end of what is visible.
    const base = at >= 0 ? at : ['ArrowUp', 'PageUp'].includes(event.key) ? Math.min(total, Math.floor(end)) : Math.ceil(top)
    const moves: Record<string, number> = {
      ArrowDown: at < 0 ? base : base + 1,
      ArrowUp: base - 1,
      PageDown: base + page,
      PageUp: base - page,
      Home: 0,
      End: total - 1,
    }
    const next = moves[event.key]
    if (next === undefined || total === 0) return
    event.preventDefault()
    const row = Math.max(0, Math.min(total - 1, next))
    follow.value = row === total - 1
    element.scrollTop = scrollTopToShow(row, element.scrollTop, element.clientHeight, rowHeight.value)
    report()
    wanted.current = row
    focusWanted()
  }
  /** Index of the row to focus as soon as it is drawn. */
  const wanted = useRef<number | undefined>(undefined)
  const opensWanted = useRef(false)
  const focusWanted = (): void => {
    if (wanted.current === undefined) return
    const article = scroller.current?.querySelector<HTMLElement>(`article[data-at="${wanted.current}"]`)
    if (!article) return
    wanted.current = undefined
    article.focus({ preventScroll: true })
    if (opensWanted.current) article.click()
    opensWanted.current = false
  }
  useEffect(focusWanted, [seen])

  const current = cursor.value
  // The list follows the cursor, also in rows that the user has scrolled away.
  useLayoutEffect(() => {
    const element = scroller.current
    if (!element || !current || current.index < 0 || follow.value) return
    element.scrollTop = scrollTopToShow(current.index, element.scrollTop, element.clientHeight, rowHeight.value)
    report()
  }, [current?.row.id, current?.row.version])

  const first = seen?.first ?? 0
  const durationMs = replay.value?.durationMs ?? 0
  const places = placesIn(seen?.rows ?? [], first + (seen?.rows.length ?? 0) === total, readers.value)
  return (
    <div class="list-frame">
      <div
        ref={scroller}
        class="list"
        // ARIA requires a feed to contain articles.
        role={total > 0 ? 'feed' : 'group'}
        aria-label={say.list}
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        <div class="list-all" style={{ height: `${total * rowHeight.value}px` }}>
          {seen?.rows.map((row, index) => (
            <Line
              key={row.id}
              row={row}
              isCurrent={row.id === current?.row.id}
              at={first + index}
              total={total}
              top={(first + index) * rowHeight.value}
              offset={row.replay ? offsetOf(row.time, startedAt.value, durationMs) : undefined}
              here={places.get(index)?.join('\n') ?? ''}
            />
          ))}
        </div>
      </div>
      {seen && total === 0 && <p class="empty">{seen.waiting > 0 ? say.paused : seen.held > 0 ? (span.value !== '' ? say.noneInRange : replay.value ? say.noMatchYet : say.noMatch) : say.empty}</p>}
      {((!follow.value && total > 0) || (seen?.waiting ?? 0) > 0) && (
        <button
          type="button"
          class="button newest"
          onClick={() => {
            paused.value = false
            toEnd()
          }}
        >
          <Icon name="down" />
          {(seen?.waiting ?? 0) > 0 ? say.waiting(seen?.waiting ?? 0) : say.newest}
        </button>
      )}
    </div>
  )
}

const named = (groups: readonly string[]): string => groups.map((group) => texts.groups[group] ?? group).join(', ')

/** Number of rows, and of everything that is missing. */
function Footer() {
  const seen = view.value
  if (!seen) return <p class="footer" />
  const { lost, losses, malformed, stream, seq } = seen.totals
  const isPeople = chosen.value.length === 0 && !everything.value
  return (
    <p class="footer">
      <span>{say.rows(seen.total, seen.held - (isPeople ? aside.value : 0))}</span>
      {isPeople && aside.value > 0 && <button type="button" class="link" onClick={() => showAll(true)}>{say.others(aside.value)}</button>}
      {chosen.value.length > 0 && hidden.value.length > 0 && <strong class="filtered">{hidden.value.length < chosen.value.length ? say.without(named(hidden.value)) : say.onlyShown(named(chosen.value))}</strong>}
      {span.value !== '' && marked.value && <strong class="filtered">{say.range(offsetTime(marked.value.fromMs, true), offsetTime(marked.value.toMs, true))}</strong>}
      {seen.waiting > 0 && <span>{say.whilePaused(seen.waiting)}</span>}
      {seen.forgotten > 0 && <span>{say.forgotten(seen.forgotten)}</span>}
      {lost > 0 && <strong>{say.lost(lost)}</strong>}
      {losses > 0 && <strong>{say.losses(losses)}</strong>}
      {malformed > 0 && <strong>{say.malformed(malformed)}</strong>}
      <span class="space" />
      {stream && <code class="quiet" title={say.position}>{stream}:{seq}</code>}
    </p>
  )
}
