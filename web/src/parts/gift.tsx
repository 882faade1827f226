/** A drawn gift: decoration, since its name is next to it. */

import { paint } from '../lib/gift.ts'
import { memo } from './memo.ts'

export const Gift = memo(
  ({ name }: { name: string }) => {
    const { petals, heart } = paint(name)
    return (
      <svg class="gift" viewBox="-50 -50 100 100" aria-hidden="true">
        {petals.map((petal, index) => <ellipse key={index} {...petal} />)}
        <circle {...heart} />
      </svg>
    )
  },
  (a, b) => a.name === b.name,
)
