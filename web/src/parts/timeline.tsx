/** Draws events over time by kind. Click to seek, drag to loop a range. */

import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { offsetTime } from '../lib/format.ts'
import { plain } from '../lib/plain.ts'
import { type Timeline, barAt, bars } from '../lib/timeline.ts'
import { now, replay } from '../state/server.ts'
import { theme } from '../state/theme.ts'
import { type Range, loop, loopRange, offsetNow, seek } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { peeked } from './peek.tsx'

/** Minimum length of a drag, in CSS pixels; a shorter one is a click. */
const DRAG_MIN_PX = 4
const say = texts.transport

export function TimelineBar({ timeline, durationMs }: { timeline: Timeline | undefined; durationMs: number }) {
  const track = useRef<HTMLDivElement>(null)
  const pressed = useRef<number | undefined>(undefined)
  const drag = useSignal<Range | undefined>(undefined)
  const hover = useSignal<number | undefined>(undefined)

  const msAt = (clientX: number): number => {
    const { left, width } = track.current?.getBoundingClientRect() ?? { left: 0, width: 1 }
    return Math.max(0, Math.min(1, (clientX - left) / Math.max(1, width))) * durationMs
  }
  const percent = (ms: number): string => `${durationMs > 0 ? Math.max(0, Math.min(100, (ms / durationMs) * 100)) : 0}%`

  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return
    track.current?.setPointerCapture(event.pointerId)
    pressed.current = event.clientX
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
    void (range ? loopRange(range) : seek(msAt(event.clientX)))
  }
  const cancel = (): void => {
    pressed.current = undefined
    drag.value = undefined
  }
  const peek = (ms: number): void => {
    if (timeline && track.current) peeked.value = barAt(timeline, track.current.clientWidth, ms)
  }
  const range = drag.value ?? loop.value
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
      onDblClick={({ clientX }) => peek(msAt(clientX))}
      onKeyDown={(event) => {
        if (event.key === 'Enter') peek(offsetNow())
      }}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={cancel}
      onPointerLeave={() => {
        hover.value = undefined
      }}
    >
      <Picture timeline={timeline} durationMs={durationMs} />
      {timeline?.markers.map(({ offsetMs, label }) => (
        <span key={`${offsetMs} ${label}`} class="marker" style={{ left: percent(offsetMs) }} title={plain(label)} />
      ))}
      {timeline?.gaps.map(({ fromMs, toMs }) => (
        <span
          key={`gap ${fromMs}`}
          class="gap"
          style={{ left: percent(fromMs), width: `max(2px, ${percent(toMs - fromMs)})` }}
          title={say.gap(offsetTime(fromMs), offsetTime(toMs))}
        />
      ))}
      {range && <span class="range" style={{ left: percent(range.fromMs), width: percent(range.toMs - range.fromMs) }} />}
      <Playhead durationMs={durationMs} />
      {hover.value !== undefined && (
        <span class="hover" style={{ left: percent(hover.value) }}>
          <span>{range && drag.value ? say.loop(offsetTime(range.fromMs), offsetTime(range.toMs)) : offsetTime(hover.value)}</span>
        </span>
      )}
    </div>
  )
}

/** Interval between moves of the playhead, in ms. It moves on its own, without redrawing the page. */
const PLAYHEAD_MS = 50

function Playhead({ durationMs }: { durationMs: number }) {
  const element = useRef<HTMLSpanElement>(null)
  const isPlaying = replay.value?.state === 'playing'
  useEffect(() => {
    const draw = (): void => {
      const part = durationMs > 0 ? Math.max(0, Math.min(1, offsetNow() / durationMs)) : 0
      // A transform does not trigger layout.
      if (element.current) element.current.style.transform = `translateX(${(part * 100).toFixed(3)}cqw)`
    }
    draw()
    if (!isPlaying) return undefined
    const timer = setInterval(draw, PLAYHEAD_MS)
    return () => clearInterval(timer)
  })
  return <span ref={element} class="playhead" />
}

function Picture({ timeline, durationMs }: { timeline: Timeline | undefined; durationMs: number }) {
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
    if (!timeline || durationMs <= 0) return
    const style = getComputedStyle(canvas.current)
    const colors = timeline.kinds.map(({ name }) => style.getPropertyValue(`--kind-${name}`) || style.color)
    for (const { kind, x, y, width: wide, height: high } of bars(timeline, width, height)) {
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
  }, [timeline, durationMs])
  useSignalEffect(() => {
    void theme.value
    void size.value
    draw()
  })
  return <canvas ref={canvas} aria-hidden="true" />
}
