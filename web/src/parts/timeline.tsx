/** Draws events over time by kind. Click to seek, drag to loop a range, turn the wheel to zoom. */

import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { person, summary } from '../feed/summary.ts'
import { offsetTime } from '../lib/format.ts'
import { nearest } from '../lib/moments.ts'
import { plain } from '../lib/plain.ts'
import { type Range, type Timeline, barAt, bars, countsIn } from '../lib/charts.ts'
import { played } from '../state/case.ts'
import { type Placed, readEvents } from '../state/reading.ts'
import { timeline } from '../state/recordings.ts'
import type { Happened } from '../state/rest.ts'
import { now, replay, shownRecording } from '../state/server.ts'
import { theme } from '../state/theme.ts'
import { bar, loop, mark, narrows, offsetNow, pan, seek, shown, startedAt, zoomBy } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { Foreign, Sentence } from './foreign.tsx'
import { Who } from './line.tsx'
import { Counts, peeked } from './range.tsx'

/** Minimum length of a drag, in CSS pixels; a shorter one is a click. */
const DRAG_MIN_PX = 4
/** How long a click waits for a second one before it seeks, in ms: a double click only looks. */
const DOUBLE_MS = 250
/** By how much the timeline zooms with each pixel that the wheel is turned. */
const WHEEL_FACTOR = 1.003
const say = texts.transport

export function TimelineBar({ durationMs }: { durationMs: number }) {
  const track = useRef<HTMLDivElement>(null)
  const click = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const pressed = useRef<number | undefined>(undefined)
  const drag = useSignal<Range | undefined>(undefined)
  const hover = useSignal<number | undefined>(undefined)
  const { fromMs, toMs } = shown.value
  const drawn = timeline.value
  const lengthMs = toMs - fromMs

  const msAt = (clientX: number): number => {
    const { left, width } = track.current?.getBoundingClientRect() ?? { left: 0, width: 1 }
    return fromMs + Math.max(0, Math.min(1, (clientX - left) / Math.max(1, width))) * lengthMs
  }
  const part = (ms: number): number => (lengthMs > 0 ? Math.max(0, Math.min(1, (ms - fromMs) / lengthMs)) : 0)
  const percent = (ms: number): string => `${part(ms) * 100}%`
  const isShown = (from: number, to = from): boolean => to >= fromMs && from <= toMs

  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return
    track.current?.setPointerCapture(event.pointerId)
    pressed.current = event.clientX
    // From here on it is a double click, also if the button is released late.
    clearTimeout(click.current)
  }
  const move = (event: PointerEvent): void => {
    hover.value = msAt(event.clientX)
    const from = pressed.current
    if (from === undefined || Math.abs(event.clientX - from) < DRAG_MIN_PX) return
    const [a, b] = [msAt(from), msAt(event.clientX)]
    drag.value = { fromMs: Math.min(a, b), toMs: Math.max(a, b) }
  }
  const up = (event: PointerEvent): void => {
    if (pressed.current === undefined) return
    pressed.current = undefined
    const range = drag.value
    drag.value = undefined
    const clicked = range ? undefined : barOf(msAt(event.clientX))
    if (!range) {
      narrows.value = false
      bar.value = drawn && clicked && countsIn(drawn, clicked).length > 0 ? clicked : undefined
    }
    const isSecond = click.current !== undefined
    click.current = undefined
    const ms = msAt(event.clientX)
    if (range) mark(range, !event.shiftKey)
    else if (isSecond) peek(ms)
    else {
      click.current = setTimeout(() => {
        click.current = undefined
        // To the beginning of a bar, so that its events are played.
        void seek(bar.value?.fromMs ?? ms)
      }, DOUBLE_MS)
    }
  }
  const cancel = (): void => {
    pressed.current = click.current = undefined
    drag.value = undefined
  }
  const barOf = (ms: number): Range | undefined => drawn && track.current ? barAt(drawn, track.current.clientWidth, ms, shown.value) : undefined
  const peek = (ms: number): unknown => (peeked.value = barOf(ms))
  // Listened to by hand: the browser would zoom the page, and passive listeners cannot prevent that.
  const wheel = useRef<(event: WheelEvent) => void>(() => undefined)
  wheel.current = (event) => {
    const isZoom = event.ctrlKey || event.metaKey
    if (!isZoom && event.deltaX === 0) return
    event.preventDefault()
    if (isZoom) zoomBy(WHEEL_FACTOR ** event.deltaY, msAt(event.clientX))
    else pan((event.deltaX / (track.current?.clientWidth ?? 1)) * lengthMs)
  }
  useEffect(() => {
    const element = track.current
    const turn = (event: WheelEvent): void => wheel.current(event)
    element?.addEventListener('wheel', turn, { passive: false })
    return () => element?.removeEventListener('wheel', turn)
  }, [])
  const range = drag.value ?? loop.value
  const span = (of: Range) => ({ left: percent(of.fromMs), width: `${(part(of.toMs) - part(of.fromMs)) * 100}%` })
  const at = offsetNow()
  void now.value
  return (
    <div
      ref={track}
      class="timeline"
      role="slider"
      tabIndex={0}
      aria-label={say.timeline}
      aria-valuemin={0}
      aria-valuemax={Math.round(durationMs / 1000)}
      aria-valuenow={Math.min(Math.round(at / 1000), Math.round(durationMs / 1000))}
      aria-valuetext={say.at(offsetTime(at), offsetTime(durationMs))}
      onKeyDown={({ key }) => key === 'Enter' && peek(offsetNow())}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={cancel}
      onPointerLeave={() => (hover.value = undefined)}
    >
      <Picture timeline={drawn} range={shown.value} />
      {drawn?.markers.filter(({ offsetMs }) => isShown(offsetMs)).map(({ offsetMs, label }) => (
        <span key={`${offsetMs} ${label}`} class="marker" style={{ left: percent(offsetMs) }} title={plain(label)} />
      ))}
      {marksOf(played.value?.happened ?? []).filter(([offsetMs]) => isShown(offsetMs)).map(([offsetMs, text]) => (
        <span key={`happened ${offsetMs}`} class="happened" style={{ left: percent(offsetMs) }} title={plain(text)} />
      ))}
      {drawn?.gaps.filter((gap) => isShown(gap.fromMs, gap.toMs)).map((gap) => (
        <span
          key={`gap ${gap.fromMs}`}
          class="gap"
          style={{ left: percent(gap.fromMs), width: `max(2px, ${(part(gap.toMs) - part(gap.fromMs)) * 100}%)` }}
          title={say.gap(offsetTime(gap.fromMs), offsetTime(gap.toMs))}
        />
      ))}
      {bar.value && isShown(bar.value.fromMs, bar.value.toMs) && <span class="bar-shown" style={span(bar.value)} />}
      {range && isShown(range.fromMs, range.toMs) && <span class="range" style={span(range)} />}
      <Playhead part={part} isShown={isShown} />
      {hover.value !== undefined && <span class="hover" style={{ left: percent(hover.value) }} />}
      {hover.value !== undefined && (
        <div class="moment" style={{ '--at': percent(hover.value) }}>
          {drag.value
            ? <strong>{say.loop(offsetTime(drag.value.fromMs), offsetTime(drag.value.toMs))}</strong>
            : <Moment ms={hover.value} range={barOf(hover.value)} />}
        </div>
      )}
    </div>
  )
}

/** A mark for each moment at which something happened in a case. */
function marksOf(happened: readonly Happened[]): [number, string][] {
  const marks = new Map<number, string>()
  for (const { offsetMs, text } of happened) marks.set(offsetMs, marks.has(offsetMs) ? `${marks.get(offsetMs)}; ${text}` : text)
  return [...marks]
}

/** How long the pointer rests before the nearest event is read, in ms. */
const REST_MS = 150

/** What is at the moment below the pointer: the bar's events by kind, the marker there, and the nearest event, also of a part that has not played. */
function Moment({ ms, range }: { ms: number; range: Range | undefined }) {
  const near = useSignal<{ of: number; found: Placed | undefined } | undefined>(undefined)
  const recording = timeline.value && startedAt.value !== undefined ? shownRecording.value : undefined
  useEffect(() => {
    if (recording === undefined || !range) return undefined
    let stop: (() => void) | undefined
    const timer = setTimeout(() => {
      stop = readEvents(recording, range.fromMs, (offset) => offset > ms, (events) => (near.value = { of: ms, found: nearest(events, ms) }))
    }, REST_MS)
    return () => {
      clearTimeout(timer)
      stop?.()
    }
  }, [ms, recording])
  const isEmpty = range && timeline.value && countsIn(timeline.value, range).length === 0
  const isHere = ({ offsetMs }: { offsetMs: number }): boolean => range !== undefined && offsetMs >= range.fromMs && offsetMs < range.toMs
  const marker = timeline.value?.markers.find(isHere)
  const happened = marksOf(played.value?.happened.filter(isHere) ?? []).map(([, text]) => text).join('; ')
  const found = near.value?.of === ms ? near.value.found : undefined
  return (
    <>
      <p><strong>{offsetTime(ms, true)}</strong> {marker && <Foreign text={marker.label} />} {happened && <span>{plain(happened)}</span>} {range && (isEmpty ? <span class="quiet">{say.nothingHere}</span> : <Counts range={range} />)}</p>
      {near.value?.of === ms && (
        <p class="moment-event">
          {found
            ? <><span class="quiet">{say.nearest(offsetTime(found.offset, true))}</span> <Foreign class="quiet" text={found.event.type} /> <Who {...person(found.event)} /> <bdi><Sentence text={summary(found.event)} /></bdi></>
            : <span class="quiet">{say.noneNear}</span>}
        </p>
      )}
    </>
  )
}

/** Interval between moves of the playhead, in ms. It moves on its own, without redrawing the page. */
const PLAYHEAD_MS = 50

function Playhead({ part, isShown }: { part: (ms: number) => number; isShown: (ms: number) => boolean }) {
  const element = useRef<HTMLSpanElement>(null)
  const isPlaying = replay.value?.state === 'playing'
  useEffect(() => {
    const draw = (): void => {
      const at = offsetNow()
      if (!element.current) return
      // A transform does not trigger layout.
      element.current.style.transform = `translateX(${(part(at) * 100).toFixed(3)}cqw)`
      element.current.style.visibility = isShown(at) ? '' : 'hidden'
    }
    draw()
    if (!isPlaying) return undefined
    const timer = setInterval(draw, PLAYHEAD_MS)
    return () => clearInterval(timer)
  })
  return <span ref={element} class="playhead" />
}

function Picture({ timeline, range }: { timeline: Timeline | undefined; range: Range }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const size = useSignal({ width: 0, height: 0 })
  const hasReplay = useComputed(() => replay.value !== undefined)
  const draw = (): void => {
    const context = canvas.current?.getContext('2d')
    if (!canvas.current || !context) return
    const { width, height } = size.value
    const scale = devicePixelRatio
    canvas.current.width = Math.round(width * scale)
    canvas.current.height = Math.round(height * scale)
    context.scale(scale, scale)
    if (!timeline) return
    const style = getComputedStyle(canvas.current)
    const colors = timeline.kinds.map(({ name }) => style.getPropertyValue(`--kind-${name}`) || style.color)
    for (const { kind, x, y, width: wide, height: high } of bars(timeline, width, height, range)) {
      context.fillStyle = colors[kind] ?? style.color
      context.fillRect(x, y, wide, high)
    }
  }
  useEffect(() => {
    const element = canvas.current?.parentElement
    if (!element) return undefined
    const observer = new ResizeObserver(() => {
      size.value = { width: element.clientWidth, height: element.clientHeight }
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [hasReplay.value])
  useEffect(() => {
    draw()
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', draw)
    return () => scheme.removeEventListener('change', draw)
  }, [timeline, range])
  useSignalEffect(() => {
    void theme.value
    void size.value
    draw()
  })
  return <canvas ref={canvas} aria-hidden="true" />
}
