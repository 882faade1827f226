/** The mock TikTok that the server runs. */

import { effect, signal } from '@preact/signals'
import { Problem, ask } from './api.ts'
import { attempt } from './messages.ts'
import type { MockView, NamedScenario, RunningMock, Status } from './rest.ts'
import { features, health, refresh as refreshServer, setStatus } from './server.ts'

/** Timeout for starting one, in ms: a scenario can delay the first attempt. */
const PATIENCE_MS = 60_000

export const mock = signal<RunningMock | undefined>(undefined)
export const scenarios = signal<readonly NamedScenario[]>([])

const show = ({ running }: MockView): void => {
  mock.value = running ?? undefined
}

async function refresh(): Promise<void> {
  if (features.peek().mock) show(await ask<MockView>('mock'))
}

/** Reads the mock’s log after each answer of `/health`, and the scenarios once. */
export function start(): void {
  effect(() => {
    // The next request to `/health` finds out whether the server is away.
    if (health.value && features.value.mock) void refresh().catch(() => undefined)
  })
  effect(() => {
    if (!features.value.mock) return
    ask<{ scenarios: NamedScenario[] }>('mock/scenarios').then(
      (list) => (scenarios.value = list.scenarios),
      () => undefined,
    )
  })
}

/** Starts a scenario and connects to its room. A failed attempt is shown by the source, and by the mock’s log. */
export async function run(scenario: string): Promise<void> {
  await attempt(async () => {
    try {
      setStatus(await ask<Status>('mock', { method: 'POST', body: { scenario }, patience: PATIENCE_MS }))
    } catch (error) {
      await refresh()
      if (!(error instanceof Problem) || !mock.value) throw error
    }
  })
  await refreshServer()
}

export async function stop(): Promise<void> {
  const stopped = await attempt(() => ask<MockView>('mock', { method: 'DELETE' }))
  if (stopped) show(stopped)
  await refreshServer()
}
