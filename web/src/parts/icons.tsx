/** Inline SVG: icons, since an icon font would be another file, mostly unused, and gifts. */

import { paint } from '../lib/pictures.ts'
import { memo } from './memo.ts'

const PATHS = {
  play: 'M6 3.5v13l11-6.5z',
  pause: 'M5 3.5h3.5v13H5zm6.5 0H15v13h-3.5z',
  step: 'M4 3.5v13l8.5-6.5zM13.5 3.5H16v13h-2.5z',
  start: 'M17 4v12l-6-6zM10.500 4v12l-6-6zM2 4h2v12H2z',
  previous: 'M16 3.500v13L7.500 10zM4 3.500h2.500v13H4z',
  link: 'M8 6H6a4 4 0 0 0 0 8h2v-2H6a2 2 0 0 1 0-4h2zm4 0v2h2a2 2 0 0 1 0 4h-2v2h2a4 4 0 0 0 0-8zM7 9h6v2H7z',
  back: 'M10 3.5v13L2 10zm8 0v13L10 10z',
  ahead: 'M10 3.5v13l8-6.5zm-8 0v13l8-6.5z',
  loop: 'M5 6h8V3.2L17.2 7 13 10.8V8H7v3H5zm10 8H7v2.8L2.8 13 7 9.2V12h6V9h2z',
  close: 'M5.4 4 10 8.6 14.6 4 16 5.4 11.4 10l4.6 4.6-1.4 1.4L10 11.4 5.4 16 4 14.6 8.6 10 4 5.4z',
  copy: 'M7 2h9v11h-2V4H7zM4 5h8v13H4zm2 2v9h4V7z',
  sun: 'M10 6a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM9 1h2v3H9zm0 15h2v3H9zM1 9h3v2H1zm15 0h3v2h-3zM3.6 2.2l2.1 2.1-1.4 1.4-2.1-2.1zm12.1 12.1 2.1 2.1-1.4 1.4-2.1-2.1zm.7-12.1 1.4 1.4-2.1 2.1-1.4-1.4zM4.3 14.3l1.4 1.4-2.1 2.1-1.4-1.4z',
  moon: 'M8 2a8 8 0 1 0 10 10A7 7 0 0 1 8 2z',
  auto: 'M10 2a8 8 0 1 1 0 16 8 8 0 0 1 0-16zm0 2v12a6 6 0 0 0 0-12z',
  help: 'M10 1.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17zM9 13v2h2v-2zm1-8a3.2 3.2 0 0 0-3.2 3h2A1.2 1.2 0 1 1 10 9.300c-.7.400-1 1-1 2v.700h2c0-.8.2-1 .8-1.400A3.200 3.200 0 0 0 10 5z',
  download: 'M9 2h2v7h3l-4 5-4-5h3zM3 15h14v3H3z',
  upload: 'M10 2l4 5h-3v7H9V7H6zM3 15h14v3H3z',
  edit: 'M13.500 2.500l4 4L7 17H3v-4zM5 14v1h1l8-8-1-1z',
  trash: 'M7 2h6l1 2h4v2H2V4h4zM4 7h12l-1 11H5zm3 2 .5 7h1.300L8.400 9zm4.600 0-.4 7h1.300L13 9z',
  info: 'M10 1.500a8.500 8.500 0 1 1 0 17 8.500 8.500 0 0 1 0-17zM9 9v6h2V9zm0-4v2h2V5z',
  down: 'M9 3h2v9l3.500-3.500L16 10l-6 6-6-6 1.500-1.500L9 12z',
  minus: 'M4 9h12v2H4z',
  plus: 'M9 4h2v5h5v2h-5v5H9v-5H4V9h5z',
} as const

export type IconName = keyof typeof PATHS

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path fill="currentColor" fill-rule="evenodd" d={PATHS[name]} />
  </svg>
)

export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect class="mark-body" x="2" y="6" width="28" height="20" rx="5" />
    <circle class="mark-reel" cx="11" cy="15" r="4.5" />
    <circle class="mark-reel" cx="21" cy="15" r="4.5" />
    <path class="mark-line" d="M9 22.5h14" />
  </svg>
)

/** A drawn gift: decoration, since its name is next to it. */
export const Gift = memo(
  ({ name }: { name: string }) => {
    const { sign, petals, heart } = paint(name)
    return (
      <svg class="gift" viewBox="-50 -50 100 100" aria-hidden="true">
        {sign && <text text-anchor="middle" dominant-baseline="central" font-size="76">{sign}</text>}
        {petals.map((petal, index) => <ellipse key={index} {...petal} />)}
        <circle {...heart} />
      </svg>
    )
  },
  (a, b) => a.name === b.name,
)
