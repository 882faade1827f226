/** Injects messages, which the server builds and decodes. */

import { useSignal } from '@preact/signals'
import { ask } from '../state/api.ts'
import { attempt } from '../state/messages.ts'
import { mock } from '../state/mock.ts'
import { features, mode } from '../state/server.ts'
import { texts } from '../texts.ts'
import { submits } from './buttons.tsx'

/** Number of likes in a burst. */
const BURST = 15
const say = texts.inject

interface Sent {
  seqs: number[]
  delivered: number
}

export function Inject() {
  const user = useSignal('ann')
  const roles = useSignal<Record<string, boolean>>({})
  const gift = useSignal('Rose')
  const count = useSignal(1)
  const diamonds = useSignal('')
  const sent = useSignal<Sent | undefined>(undefined)
  const comment = useSignal(say.sample)
  if (!features.value.inject) return null
  // The room of the mock has no real viewers.
  const isLive = mode.value === 'live' && !mock.value
  async function by(type: string, more: Record<string, unknown> = {}): Promise<void> {
    const body = { type, user: { uniqueId: user.value, ...roles.value }, ...more }
    sent.value = await attempt(() => ask<Sent>('inject', { method: 'POST', body }))
  }
  function give(combo: boolean): void {
    const price = diamonds.value === '' ? {} : { diamonds: Number(diamonds.value) }
    void by('gift', { gift: gift.value, count: count.value, combo, ...price })
  }
  return (
    <section class="panel inject" aria-labelledby="inject-title">
      <h2 id="inject-title">{say.title}</h2>
      <fieldset disabled={isLive}>
        <label class="field">
          <span>{say.user}</span>
          <input type="text" value={user} autocomplete="off" spellcheck={false} onInput={({ currentTarget }) => (user.value = currentTarget.value)} />
        </label>
        <div class="inject-row">
          {Object.entries(say.roles).map(([key, name]) => (
            <label key={key} class="check">
              <input type="checkbox" onChange={({ currentTarget }) => (roles.value = { ...roles.value, [key]: currentTarget.checked })} />
              {name}
            </label>
          ))}
        </div>
        <form class="inject-row" onSubmit={submits(() => give(false))}>
          <label class="field">
            <span>{say.gift}</span>
            <input type="text" value={gift} autocomplete="off" onInput={({ currentTarget }) => (gift.value = currentTarget.value)} />
          </label>
          <label class="field narrow">
            <span>{say.count}</span>
            <input type="number" min={1} max={9999} value={count} onInput={({ currentTarget }) => (count.value = Math.max(1, currentTarget.valueAsNumber || 1))} />
          </label>
          <label class="field narrow" title={say.diamondsHint}>
            <span>{say.diamonds}</span>
            <input type="number" min={0} value={diamonds} placeholder="–" onInput={({ currentTarget }) => (diamonds.value = currentTarget.value)} />
          </label>
          <button type="submit" class="button">{say.send}</button>
          <button type="button" class="button" title={say.streakHint} onClick={() => give(true)}>{say.streak}</button>
        </form>
        <form class="inject-row" onSubmit={submits(() => void by('chat', { comment: comment.value }))}>
          <label class="field">
            <span>{say.comment}</span>
            <input type="text" value={comment} autocomplete="off" onInput={({ currentTarget }) => (comment.value = currentTarget.value)} />
          </label>
          <button type="submit" class="button">{say.chat}</button>
        </form>
        <div class="inject-row">
          <button type="button" class="button" onClick={() => void by('follow')}>{say.follow}</button>
          <button type="button" class="button" onClick={() => void by('share')}>{say.share}</button>
          <button type="button" class="button" onClick={() => void by('like', { count: BURST })}>{say.like}</button>
          <button type="button" class="button" onClick={() => void by('member')}>{say.join}</button>
        </div>
      </fieldset>
      <p class="quiet" role="status">{sent.value ? say.sent(sent.value.seqs.length, sent.value.delivered) : isLive ? say.live : say.hint}</p>
    </section>
  )
}
