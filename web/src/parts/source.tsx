/** The connected room and the state of its connection. */

import { computed, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { capitalized, hintOf, titleOf } from '../failures.ts'
import { countdown } from '../lib/format.ts'
import { Problem, ask } from '../state/api.ts'
import { view } from '../state/feed.ts'
import { attempt } from '../state/messages.ts'
import type { Check, Status } from '../state/rest.ts'
import { away, mode, now, refresh, replay, retryAt, setStatus, status } from '../state/server.ts'
import { leave } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { submits } from './buttons.tsx'
import { Foreign, Sentence } from './foreign.tsx'

interface Answer extends Pick<Check, 'username' | 'canConnect' | 'message' | 'hint'> {
  code: string | null
  /** When to try again, in ms since 1970, if the server says so. */
  retryAt?: number
}

/** Timeout for requests that wait for TikTok or a sign server, in ms. */
const PATIENCE_MS = 60_000
/** While the server tries again by itself, nobody has to wait and try again. */
const WAITS = ['user_offline', 'rate_limited']
const say = texts.source

/** Extracts the user name from `name`, `@name` or the URL of a profile. */
const userOf = (typed: string): string =>
  /tiktok\.com\/@([^/?#\s]+)/i.exec(typed)?.[1] ?? typed.trim().replace(/^@/, '')

/** What is connected, or is about to be; empty if nothing is. */
const connection = computed(() => (['connected', 'connecting'].includes(status.value?.state ?? '') ? `${mode.value} ${status.value?.username}` : ''))

export function Source() {
  const typed = useSignal('')
  const busy = useSignal<'' | 'checking' | 'connecting'>('')
  const refusal = useSignal<Answer | undefined>(undefined)

  async function test(): Promise<void> {
    const user = userOf(typed.value)
    if (user === '' || busy.value !== '') return
    busy.value = 'checking'
    refusal.value = undefined
    const path = `test/${encodeURIComponent(user)}`
    const check = await attempt(() => ask<Check>(path, { patience: PATIENCE_MS }))
    busy.value = ''
    if (check?.canConnect) return connect()
    refusal.value = check
  }

  async function connect(): Promise<void> {
    const user = userOf(typed.value)
    busy.value = 'connecting'
    refusal.value = undefined
    try {
      const path = `connect/${encodeURIComponent(user)}`
      setStatus(await ask<Status>(path, { method: 'POST', patience: PATIENCE_MS }))
      typed.value = ''
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      const { code, message, hint, status: answer, retryAt: until, isRetrying } = error
      // A missing token opens a dialog. If the server retries by itself, its state tells the error.
      if (answer !== 401 && !isRetrying) refusal.value = { username: user, canConnect: false, code, message, hint, retryAt: until }
    }
    busy.value = ''
    await refresh()
  }

  // The message goes away once something else connects. A user who is still connected does not make another user’s failure go away.
  useEffect(() => {
    if (connection.value !== '') refusal.value = undefined
  }, [connection.value])

  const isBusy = busy.value !== ''
  const isReplay = mode.value === 'replay'
  return (
    <section class="panel source" aria-labelledby="source-title">
      <h2 id="source-title" class="hidden">{say.title}</h2>
      <State isTold={refusal.value !== undefined} />
      <form class="connect" onSubmit={submits(() => void test())}>
        <input
          type="text"
          aria-label={say.user}
          placeholder={isReplay ? say.duringReplay : say.placeholder}
          disabled={isReplay}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          value={typed}
          onInput={({ currentTarget }) => {
            typed.value = currentTarget.value
            refusal.value = undefined
          }}
        />
        <button type="submit" class="button primary" disabled={isBusy || isReplay || typed.value.trim() === ''}>
          {busy.value === 'checking' ? say.checking : busy.value === 'connecting' ? say.connecting : say.connect}
        </button>
      </form>
      {refusal.value && <Refusal check={refusal.value} onAnyway={() => void connect()} onDismiss={() => (refusal.value = undefined)} />}
    </section>
  )
}

function Hint({ code, told }: { code: string; told: string }) {
  const hint = hintOf(code, told)
  return hint === '' ? null : <span class="quiet">; <Foreign text={hint} /></span>
}

function Refusal({ check, onAnyway, onDismiss }: { check: Answer; onAnyway: () => void; onDismiss: () => void }) {
  return (
    <div class="refusal" role="status">
      <p>
        <strong><Sentence text={say.whyNot(check.username)} />{check.code && `: ${titleOf(check.code)}`}</strong>
        {check.message && <>. <Foreign text={capitalized(check.message)} /></>}
        <Hint code={check.code ?? ''} told={check.hint ?? ''} />
        {(check.retryAt ?? 0) > now.value && <span class="countdown"> {say.again(countdown((check.retryAt ?? 0) - now.value))}</span>}
      </p>
      {check.code !== 'invalid_username' && <button type="button" class="button small" onClick={onAnyway}>{say.anyway}</button>}
      <button type="button" class="button small" onClick={onDismiss}>{say.dismiss}</button>
    </div>
  )
}

/** `isTold`: the last failure is already shown as the answer to a request. */
function State({ isTold }: { isTold: boolean }) {
  const source = status.value
  const failed = view.value?.totals.failure
  if (!source) return <p class="state">{texts.link.connecting}</p>
  const state = away.value ? 'away' : source.state
  // A replay that has ended can be played again until it is disconnected.
  const isOn = mode.value === 'replay' || (state !== 'idle' && state !== 'ended')
  const { username } = source
  // While a replay waits for clients its user is unknown: show the name of the recording.
  const name = username ?? replay.value?.recording
  const isHeld = !away.value && replay.value?.state === 'waiting'
  return (
    <div class={`state state-${state}`}>
      <p class="state-main">
        <span class="dot" />
        <strong>{isHeld ? texts.transport.state.waiting : (say.state[state] ?? state)}</strong>
        {username && <span class="who"><Sentence text={source.source === 'replay' ? say.replayOf(username) : say.who(username)} /></span>}
        {source.roomId && <span class="quiet"><Sentence text={say.room(source.roomId)} /></span>}
        {source.attempt > 0 && state !== 'connected' && <span class="quiet">{say.attempt(source.attempt)}</span>}
        {state === 'retrying' && retryAt.value > 0 && (
          <span class="countdown">{say.next(countdown(retryAt.value - now.value))}</span>
        )}
      </p>
      {failed && state !== 'connected' && state !== 'idle' && (!isTold || state === 'retrying') && (
        <p class="state-why"><Foreign text={capitalized(failed.message) || titleOf(failed.code, failed.title)} />{!(state === 'retrying' && WAITS.includes(failed.code)) && <Hint code={failed.code} told={failed.hint} />}</p>
      )}
      {isOn && !away.value && name && (
        <button type="button" class="button small" onClick={() => void leave(name)}>{say.disconnect}</button>
      )}
    </div>
  )
}
