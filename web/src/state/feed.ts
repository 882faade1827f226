/** The page’s side of the feed worker. */

import { computed, effect, signal } from '@preact/signals'
import { ASIDE, GROUP_NAMES, type Order, type Report, type View } from '../feed/protocol.ts'
import { protocols, socketUrl, token } from './api.ts'

export const view = signal<View | undefined>(undefined)
export const paused = signal(false)
const EVERYTHING = 'livetape.everything'
/** The groups of event types that are shown. If none is chosen, all, or those of people. */
export const chosen = signal<readonly string[]>([])
/** Whether all groups are shown if none is chosen. */
export const everything = signal(localStorage.getItem(EVERYTHING) === '1')
export const hidden = computed(() => (chosen.value.length > 0 ? GROUP_NAMES.filter((group) => !chosen.value.includes(group)) : everything.value ? [] : ASIDE))
/** Number of rows that are only shown on request. */
export const aside = computed(() => ASIDE.reduce((sum, group) => sum + (view.value?.groups[group] ?? 0), 0))
export const query = signal('')
/** The time that the list is narrowed to, as `from/to`; empty if it shows all. */
export const span = signal('')

const worker = new Worker(new URL('../feed/worker.ts', import.meta.url), { type: 'module' })
const tell = (order: Order): void => worker.postMessage(order)

let asked = 0
const answers = new Map<number, (answer: { text: string; count: number }) => void>()

worker.onmessage = ({ data: report }: MessageEvent<Report>) => {
  if (report.is === 'json') {
    answers.get(report.ask)?.(report)
    answers.delete(report.ask)
    return
  }
  // At most one view per frame, and none while the tab is hidden.
  requestAnimationFrame(() => {
    view.value = report
    tell({ do: 'drawn' })
  })
}

export function start(): void {
  // A page that a browser keeps to go back to would stay connected.
  addEventListener('pagehide', () => worker.terminate())
  addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
  // A new token opens a new connection, which resumes where the old one stopped.
  effect(() => {
    void token.value
    tell({ do: 'connect', url: socketUrl(), protocols: protocols() })
  })
  effect(() => tell({ do: 'pause', paused: paused.value }))
  effect(() => tell({ do: 'filter', filter: { hidden: hidden.value, query: query.value, span: span.value } }))
}

export const look = (first: number, count: number, follow: boolean): void =>
  tell({ do: 'look', first, count, follow: follow ? 1 : 0 })
export const reconnect = (): void => tell({ do: 'reconnect' })
export const rewind = (generation: number, ts: string): void => tell({ do: 'rewind', generation, ts })
export const clear = (): void => tell({ do: 'clear' })

/** Returns the JSON of one row, or of all rows that match the filter. */
export function json(row?: number): Promise<{ text: string; count: number }> {
  asked += 1
  const order: Order = row === undefined ? { do: 'json', ask: asked } : { do: 'json', ask: asked, row }
  return new Promise((resolve) => {
    answers.set(asked, resolve)
    tell(order)
  })
}

/** Shows the events of people, or all. */
export function showAll(isEverything: boolean): void {
  chosen.value = []
  everything.value = isEverything
  localStorage.setItem(EVERYTHING, isEverything ? '1' : '')
}

/** Shows only this group, or this group too; `isOut`: all that are shown, but not this one. */
export function choose(group: string, isOut: boolean): void {
  const before = isOut && chosen.value.length === 0 ? GROUP_NAMES.filter((name) => !hidden.value.includes(name)) : chosen.value
  const next = isOut || before.includes(group) ? before.filter((name) => name !== group) : [...before, group]
  if (next.length === GROUP_NAMES.length) showAll(true)
  else chosen.value = next
}
