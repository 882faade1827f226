/** Receives and stores the feed in a worker. The page only draws the visible rows, at most ten times per second. */

import { eventTexts } from '../texts.ts'
import { Connection } from './connection.ts'
import type { Order, Report, View } from './protocol.ts'
import { Store } from './store.ts'

/** Minimum interval between views, in ms: nobody reads faster, and each one costs a redraw. */
const VIEW_MS_MIN = 100

const store = new Store()
let connection: Connection | undefined
let looked = { first: 0, count: 60, follow: 1 }
/** While paused: the end of the view (exclusive). */
let heldAt: number | undefined
/** Whether the next event is the first of the backlog. */
let isFirst = false
let dirty = true
/** The user asked for the next view. */
let hasty = false
/** The page is still drawing the last view. */
let busy = false
let timer: ReturnType<typeof setTimeout> | undefined
let shownAt = 0

const post = (report: Report): void => self.postMessage(report)

/** Schedules a view: at once if the last one is old enough, else batched with later changes. */
function changed(): void {
  dirty = true
  const wait = shownAt + VIEW_MS_MIN - performance.now()
  // A flood must not delay the view indefinitely, so each message checks the time.
  if (wait <= 0) show()
  else if (!busy) timer ??= setTimeout(show, wait)
}

/** Shows a view at once, because the user asked for it. */
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
    last: store.last(),
    leaders: store.leaders.top,
    link: connection.state,
  }
  post(view)
}

/** Adds a row that the page itself writes. */
function note(message: string): void {
  store.take(JSON.stringify({ type: 'gap', message, ts: new Date().toISOString() }))
}

function connect(url: string, protocols: string[]): void {
  connection?.close()
  connection = new Connection(url, protocols, {
    message(json) {
      const event = store.take(json, heldAt)
      if (event) connection?.seen(event.stream, event.seq, event.type === 'error')
      if (event && isFirst && event.seq > 1) note(eventTexts.backlogFrom(event.seq))
      isFirst &&= !event
      changed()
    },
    state: changed,
    lost() {
      store.totals.losses += 1
      note(eventTexts.newStream)
      changed()
    },
    opened(fresh) {
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
      // While following the end, the view moves without being asked.
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
    case 'rewind':
      store.rewind(order.generation, order.ts)
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
