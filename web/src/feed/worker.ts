/** The feed beside the page: however many events come, the page draws only what is seen, ten views a second. */

import { texts } from '../texts.ts'
import { Connection } from './connection.ts'
import type { Order, Report, View } from './protocol.ts'
import { Store } from './store.ts'

/** How long after an opening failures are those of the backlog, in ms: they are listed, not announced. */
const BACKLOG_MS = 1000

/** However many events come, a view follows another no sooner, in ms: nobody reads faster, and drawing one costs. */
const VIEW_MS_MIN = 100

const store = new Store()
let connection: Connection | undefined
let looked = { first: 0, count: 60, follow: 1 }
/** While the view stands still: the first position that is not in it. */
let heldAt: number | undefined
let openedAt = 0
/** Whether the next event is the first of a backlog. */
let isFirst = false
let dirty = true
/** Somebody waits for the next view. */
let hasty = false
/** The page is drawing; it says when it has. */
let busy = false
let timer: ReturnType<typeof setTimeout> | undefined
let shownAt = 0

const post = (report: Report): void => self.postMessage(report)

/** Something came: it is shown at once, or with what else comes until it is time. */
function changed(): void {
  dirty = true
  const wait = shownAt + VIEW_MS_MIN - performance.now()
  // A flood must not put the view off for ever: each message looks at the time.
  if (wait <= 0) show()
  else if (!busy) timer ??= setTimeout(show, wait)
}

/** Somebody wants to see something else: now. */
function asked(): void {
  dirty = true
  hasty = true
  show()
}

function show(): void {
  clearTimeout(timer)
  timer = undefined
  if (!dirty || busy || !connection) return
  dirty = false
  hasty = false
  busy = true
  shownAt = performance.now()
  const total = heldAt === undefined ? store.shown : store.shownBefore(heldAt)
  const first = looked.follow ? Math.max(0, total - looked.count) : Math.min(looked.first, Math.max(0, total - 1))
  const view: View = {
    is: 'view',
    total,
    dropped: store.dropped,
    first,
    rows: store.window(first, Math.min(looked.count, total - first)),
    waiting: store.shown - total,
    held: store.rows.length,
    forgotten: store.forgotten,
    groups: store.groups,
    totals: store.totals,
    link: connection.state,
  }
  post(view)
}

/** A line of ours, in the order of what happened. */
function note(message: string): void {
  store.take(JSON.stringify({ type: 'gap', message, ts: new Date().toISOString() }))
}

function connect(url: string, protocols: string[]): void {
  connection?.close()
  connection = new Connection(url, protocols, {
    message(json) {
      const event = store.take(json)
      if (event) connection?.seen(event.stream, event.seq, event.type === 'error')
      if (event && isFirst && event.seq > 1) note(texts.events.backlogFrom(event.seq))
      isFirst &&= !event
      if (event?.type === 'error' && Date.now() - openedAt < BACKLOG_MS && store.totals.failure) {
        store.totals.failure.count = 0
      }
      changed()
    },
    state: changed,
    lost() {
      store.totals.losses += 1
      note(texts.events.newStream)
      changed()
    },
    opened(fresh) {
      openedAt = fresh ? Date.now() : 0
      isFirst = fresh
    },
  })
  if (store.totals.stream !== '') connection.seen(store.totals.stream, store.totals.seq)
  connection.open()
}

self.onmessage = ({ data: order }: MessageEvent<Order>) => {
  switch (order.do) {
    case 'connect':
      connect(order.url, order.protocols)
      break
    case 'reconnect':
      connection?.retry()
      break
    case 'look': {
      const { first, count, follow } = looked
      looked = order
      // The end moves by itself, and the page with it.
      if (count === order.count && follow === order.follow && (follow || first === order.first)) return
      break
    }
    case 'filter':
      store.filter(order.filter)
      break
    case 'pause':
      heldAt = order.paused ? store.rows.end : undefined
      break
    case 'clear':
      store.clear()
      heldAt = heldAt === undefined ? undefined : store.rows.end
      break
    case 'drawn':
      busy = false
      if (hasty) show()
      else if (dirty) changed()
      return
    case 'json':
      post({ is: 'json', ask: order.ask, ...store.json(order.row) })
      return
  }
  asked()
}
