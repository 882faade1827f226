/** Injects messages, which the server builds and decodes. */

import { useSignal } from '@preact/signals'
import { ask } from '../state/api.ts'
import { attempt } from '../state/messages.ts'
import { features } from '../state/features.ts'
import { mode } from '../state/server.ts'
import { texts } from '../texts.ts'

/** Number of likes in a burst. */
const BURST = 15
const say = texts.inject

const send = (body: Record<string, unknown>): Promise<unknown> => attempt(() => ask('inject', { method: 'POST', body }))

export function Inject() {
  const user = useSignal('ann')
  const gift = useSignal('Rose')
  const count = useSignal(1)
  const combo = useSignal(false)
  const comment = useSignal(say.sample)
  if (!features.value.inject) return null
  const isLive = mode.value === 'live'
  const by = (type: string, more: Record<string, unknown> = {}): void => void send({ type, user: user.value, ...more })
  return (
    <section class="panel inject" aria-labelledby="inject-title">
      <h2 id="inject-title">{say.title}</h2>
      <p class="quiet">{isLive ? say.live : say.hint}</p>
      <fieldset disabled={isLive}>
        <label class="field">
          <span>{say.user}</span>
          <input type="text" value={user} autocomplete="off" spellcheck={false} onInput={({ currentTarget }) => (user.value = currentTarget.value)} />
        </label>
        <form
          class="inject-row"
          onSubmit={(event) => {
            event.preventDefault()
            by('gift', { gift: gift.value, count: count.value, combo: combo.value })
          }}
        >
          <label class="field">
            <span>{say.gift}</span>
            <input type="text" value={gift} autocomplete="off" onInput={({ currentTarget }) => (gift.value = currentTarget.value)} />
          </label>
          <label class="field narrow">
            <span>{say.count}</span>
            <input type="number" min={1} max={9999} value={count} onInput={({ currentTarget }) => (count.value = Math.max(1, currentTarget.valueAsNumber || 1))} />
          </label>
          <label class="check">
            <input type="checkbox" checked={combo} onChange={({ currentTarget }) => (combo.value = currentTarget.checked)} />
            {say.combo}
          </label>
          <button type="submit" class="button">{say.send}</button>
        </form>
        <form
          class="inject-row"
          onSubmit={(event) => {
            event.preventDefault()
            by('chat', { comment: comment.value })
          }}
        >
          <label class="field">
            <span>{say.comment}</span>
            <input type="text" value={comment} autocomplete="off" onInput={({ currentTarget }) => (comment.value = currentTarget.value)} />
          </label>
          <button type="submit" class="button">{say.chat}</button>
        </form>
        <div class="inject-row">
          <button type="button" class="button" onClick={() => by('follow')}>{say.follow}</button>
          <button type="button" class="button" onClick={() => by('share')}>{say.share}</button>
          <button type="button" class="button" onClick={() => by('like', { count: BURST })}>{say.like}</button>
          <button type="button" class="button" onClick={() => by('member')}>{say.join}</button>
        </div>
      </fieldset>
    </section>
  )
}
