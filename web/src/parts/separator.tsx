/** Separators that resize the pane beside them: dragged, or moved with the arrow keys. The sizes stay when the page is opened again. */

import { effect, signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { PANES, PANE_NAMES, type PaneName, type Sizes, dragged, readSizes, sizeAfter } from '../lib/panes.ts'
import { texts } from '../texts.ts'

const KEY = 'livetape.panes'
const say = texts.panes

/** Sizes that the user has changed; the others are those of the style sheet. */
const sizes = signal<Sizes>(readSizes(localStorage.getItem(KEY)))

effect(() => {
  for (const name of PANE_NAMES) {
    const size = sizes.value[name]
    if (size === undefined) document.documentElement.style.removeProperty(`--${name}`)
    else document.documentElement.style.setProperty(`--${name}`, `${size}px`)
  }
})

function resize(name: PaneName, size: number | undefined): void {
  const { [name]: _before, ...others } = sizes.value
  sizes.value = size === undefined ? others : { ...others, [name]: size }
  localStorage.setItem(KEY, JSON.stringify(sizes.value))
}

/** The separator of the pane with this class. */
export function Separator({ pane }: { pane: PaneName }) {
  const { min, max, isWide } = PANES[pane]
  const shown = useSignal<number>(min)
  const drag = useRef<{ from: number; size: number } | undefined>(undefined)
  const position = ({ clientX, clientY }: PointerEvent): number => (isWide ? clientX : clientY)
  // The window may leave a pane less than was chosen.
  const measure = (): number => {
    const box = document.querySelector(`.${pane}`)?.getBoundingClientRect()
    return Math.round((isWide ? box?.width : box?.height) ?? min)
  }
  useEffect(() => {
    const element = document.querySelector(`.${pane}`)
    if (!element) return undefined
    const observer = new ResizeObserver(() => (shown.value = measure()))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return (
    <div
      class={`separator ${isWide ? 'between' : 'below'} separator-${pane}`}
      role="separator"
      tabIndex={0}
      aria-label={say[pane]}
      title={say.hint(say[pane])}
      aria-orientation={isWide ? 'vertical' : 'horizontal'}
      aria-valuemin={min}
      aria-valuemax={max}
      aria-valuenow={Math.max(min, Math.min(max, shown.value))}
      onKeyDown={(event) => {
        const size = sizeAfter(pane, measure(), event.key)
        if (size === undefined && event.key !== 'Enter') return
        // The same keys seek.
        event.preventDefault()
        resize(pane, size)
      }}
      onDblClick={() => resize(pane, undefined)}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        drag.current = { from: position(event), size: measure() }
      }}
      onPointerMove={(event) => {
        if (drag.current) resize(pane, dragged(pane, drag.current.size, position(event) - drag.current.from))
      }}
      onPointerUp={() => (drag.current = undefined)}
      onPointerCancel={() => (drag.current = undefined)}
    />
  )
}
