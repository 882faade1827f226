/** The feed beside the page: however many events come, the page draws only what is seen, one view a frame. */

import { texts } from '../texts.ts'
import { Connection } from './connection.ts'
import type { Order, Report, View } from './protocol.ts'
import { Store } from './store.ts'

/** How long after an opening failures are those of the backlog, in ms: they are listed, not announced. */
const BACKLOG_MS = 1000

/** A view comes at least so often while something changes, in ms. */
const VIEW_MS_MAX = 50

const store = new Store()
let connection: Connection | undefined
let looked = { first: 0, count: 60, follow: 1 }
/** While the view stands still: the first position that is not in it. */
let heldAt: number | undefined
let openedAt = 0
/** Whether the next event is the first of a backlog. */
let isFirst = false
let dirty = true
/** The page is drawing; it says when it has. */
let busy = false
let scheduled = false
let shownAt = 0

const post = (report: Report): void => self.postMessage(report)

function changed(): void {
  dirty = true
  if (busy || scheduled) return
  // A flood must not put the view off for ever.
  if (performance.now() - shownAt > VIEW_MS_MAX) return show()
  scheduled = true
  // Behind the messages that are here already: they come as one view.
  setTimeout(show, 0)
}

function show(): void {
  scheduled = false
  if (!dirty || busy || !connection) return
  dirty = false
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
      if (event) connection?.seen(event.stream, event.seq)
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
    case 'look':
      looked = order
      break
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
      if (dirty) changed()
      return
    case 'json':
      post({ is: 'json', ask: order.ask, ...store.json(order.row) })
      return
  }
  changed()
}
