/** The page’s side of the feed worker. */

import { effect, signal } from '@preact/signals'
import type { Order, Report, View } from '../feed/protocol.ts'
import { protocols, socketUrl, token } from './api.ts'

export const view = signal<View | undefined>(undefined)
export const paused = signal(false)
export const hidden = signal<readonly string[]>([])
export const query = signal('')

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
  // A new token opens a new connection, which resumes where the old one stopped.
  effect(() => {
    void token.value
    tell({ do: 'connect', url: socketUrl(), protocols: protocols() })
  })
  effect(() => tell({ do: 'pause', paused: paused.value }))
  effect(() => tell({ do: 'filter', filter: { hidden: hidden.value, query: query.value } }))
}

export const look = (first: number, count: number, follow: boolean): void =>
  tell({ do: 'look', first, count, follow: follow ? 1 : 0 })
export const reconnect = (): void => tell({ do: 'reconnect' })
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

export function toggle(group: string): void {
  hidden.value = hidden.value.includes(group)
    ? hidden.value.filter((name) => name !== group)
    : [...hidden.value, group]
}
