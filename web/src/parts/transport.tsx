import { effect, useSignal } from '@preact/signals'
import { offsetTime, speedText } from '../lib/format.ts'
import { PRESETS, SPEEDS, type Speed, moment, momentOf, readSpeed, writtenMoment } from '../lib/recording.ts'
import { copy, failure, notice, retract } from '../state/messages.ts'
import { timeline } from '../state/recordings.ts'
import type { ReplayState } from '../state/rest.ts'
import { now, replay } from '../state/server.ts'
import {
  changeSpeed,
  duration,
  isLooping,
  lacking,
  loop,
  marked,
  offsetNow,
  seek,
  seekBy,
  setSpeed,
  shown,
  step,
  toggleLoop,
  togglePlay,
  zoom,
  zoomBy,
} from '../state/transport.ts'
import { texts } from '../texts.ts'
import { IconButton, submits } from './buttons.tsx'
import { Case } from './case.tsx'
import { Foreign } from './foreign.tsx'
import { Icon } from './icons.tsx'
import { SEEK_MS } from './keys.ts'
import { Peek, RangeBar, peeked } from './range.tsx'
import { Separator } from './separator.tsx'
import { TimelineBar } from './timeline.tsx'

const say = texts.transport

export function Transport() {
  const state = replay.value
  if (!state) return null
  const durationMs = duration.value
  return (
    <section class="panel transport" aria-label={say.title}>
      <Head state={state} />
      {state.case !== undefined && <Case name={state.case} />}
      <TimelineBar durationMs={durationMs} />
      <Separator pane="timeline" />
      {lacking.value && <p class="quiet">{lacking}</p>}
      <div class="deck">
        <IconButton icon="start" label={say.start} onClick={() => void seek(0)} />
        <IconButton icon="back" label={say.back} onClick={() => void seekBy(-SEEK_MS)} />
        <IconButton icon="previous" label={say.previous} disabled={state.state !== 'playing' && state.offsetMs === 0} onClick={() => void step(-1)} />
        <Play state={state} />
        <IconButton icon="step" label={say.step} onClick={() => void step()} />
        <IconButton icon="ahead" label={say.ahead} onClick={() => void seekBy(SEEK_MS)} />
        <Time durationMs={durationMs} />
        <IconButton icon="link" label={say.link} onClick={() => void copy(linkNow(), isLoopback(location.hostname) ? say.linkHere : say.linkName)} />
        <span class="space" />
        <Loop />
        <SpeedField state={state} />
      </div>
      {peeked.value && (
        <Peek key={peeked.value.fromMs} recording={state.show ?? state.recording} range={peeked.value} onClose={() => (peeked.value = undefined)} />
      )}
    </section>
  )
}

/** Plays or pauses; at the end, says that it plays again. */
function Play({ state: { state } }: { state: ReplayState }) {
  if (state === 'ended') {
    return (
      <button type="button" class="button primary play-again" title={say.againHint} onClick={togglePlay}>
        <Icon name="play" />
        {say.again}
      </button>
    )
  }
  const name = state === 'playing' ? 'pause' : 'play'
  return <IconButton class="play" icon={name} label={say[name]} onClick={togglePlay} />
}

const isLoopback = (host: string): boolean => /^(127\.|\[::1\]$)|(^|\.)localhost$/.test(host)

/** A link to the current moment. */
const linkNow = (): string => `${location.href.replace(/#.*$/, '')}#t=${moment(offsetNow())}`

/** Seeks to the moment in the address of the page, at the start and whenever it changes. */
export function followLinks(): void {
  const follow = (): void => {
    const at = momentOf(location.hash)
    if (at === undefined || !replay.value) return
    // Otherwise each reload would move the replay of all clients.
    history.replaceState(null, '', location.pathname + location.search)
    // Outside the effect, which would otherwise depend on everything that seeking reads.
    queueMicrotask(() => void seek(at).then((isDone) => isDone && notice(say.followed(offsetTime(at, true)))))
  }
  const complain = (): void => {
    const written = writtenMoment(location.hash)
    retract(say.badMoment)
    if (written && momentOf(location.hash) === undefined) failure(say.badMoment, `t=${written}`)
  }
  addEventListener('hashchange', () => {
    complain()
    follow()
  })
  complain()
  effect(follow)
}

function Head({ state }: { state: ReplayState }) {
  return (
    <div class="transport-head">
      <Foreign class="tape" text={state.recording} />
      {(state.laps !== 1 || state.lap > 1) && <span class="quiet">{say.lap(state.lap, state.laps)}</span>}
      <span class="space" />
      {/* The counts of a range have the colours too. */}
      {marked.value ? <RangeBar /> : <Legend />}
      <Zoom />
    </div>
  )
}

/** Buttons that zoom the timeline around the playhead, and the part that it shows. */
function Zoom() {
  const { fromMs, toMs } = shown.value
  const by = (factor: number): void => {
    const at = offsetNow()
    zoomBy(factor, at >= fromMs && at <= toMs ? at : (fromMs + toMs) / 2)
  }
  return (
    <span class="zoom" role="group" aria-label={say.zoom}>
      {zoom.value && <span class="quiet">{texts.range.range(offsetTime(fromMs), offsetTime(toMs))}</span>}
      <IconButton icon="minus" label={say.zoomOut} disabled={!zoom.value} onClick={() => by(2)} />
      <IconButton icon="plus" label={say.zoomIn} disabled={!timeline.value} onClick={() => by(0.5)} />
    </span>
  )
}

function Legend() {
  const kinds = timeline.value?.kinds.filter(({ counts }) => counts.some((count) => count > 0)) ?? []
  if (kinds.length === 0) return null
  return (
    <span class="legend" aria-label={say.legend} role="group">
      {kinds.map(({ name }) => (
        <span key={name}>
          <span class="swatch" style={{ background: `var(--kind-${name})` }} />
          {texts.groups[name] ?? name}
        </span>
      ))}
    </span>
  )
}

function Time({ durationMs }: { durationMs: number }) {
  void now.value
  return (
    <span class="time">
      <strong>{offsetTime(offsetNow(), true)}</strong>
      <span class="quiet"> / {offsetTime(durationMs)}</span>
    </span>
  )
}

function Loop() {
  const range = loop.value
  const isOn = isLooping()
  const label = isOn ? say.clearLoop : say.loopAllLabel
  return (
    <button
      type="button"
      class={`button small loop ${isOn ? 'on' : ''}`}
      aria-pressed={isOn}
      title={`${label} (r)`}
      onClick={toggleLoop}
    >
      <Icon name="loop" />
      {range ? `${offsetTime(range.fromMs)} – ${offsetTime(range.toMs)}` : say.loopAll}
    </button>
  )
}

function SpeedField({ state }: { state: ReplayState }) {
  const typed = useSignal<string | undefined>(undefined)
  const choose = (speed: Speed): void => {
    retract(say.badSpeed)
    void setSpeed(speed)
  }
  const submit = (): void => {
    if (typed.value === undefined) return
    const speed = readSpeed(typed.value)
    typed.value = undefined
    if (speed === undefined) failure(say.badSpeed, '')
    else choose(speed)
  }
  return (
    <form class="speed" onSubmit={submits(submit)}>
      <IconButton icon="minus" label={say.slower} onClick={() => changeSpeed(false)} />
      <input
        type="text"
        list="speeds"
        inputMode="decimal"
        autocomplete="off"
        aria-label={say.speed}
        title={say.speed}
        value={typed.value ?? speedText(state.speed)}
        onFocus={({ currentTarget }) => currentTarget.select()}
        onInput={({ currentTarget }) => (typed.value = currentTarget.value)}
        onChange={submit}
      />
      <datalist id="speeds">
        {SPEEDS.map((speed) => <option key={speed} value={speedText(speed)} />)}
      </datalist>
      <IconButton icon="plus" label={say.faster} onClick={() => changeSpeed(true)} />
      <span class="presets" role="group" aria-label={say.presets}>
        {PRESETS.map((speed) => (
          <button key={speed} type="button" class="chip" aria-pressed={state.speed === speed} onClick={() => choose(speed)}>
            {speedText(speed)}
          </button>
        ))}
      </span>
    </form>
  )
}
