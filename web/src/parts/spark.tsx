/** Sparkline of the last two minutes. */

import { line } from '../lib/spark.ts'
import { SAMPLES_MAX } from '../state/samples.ts'
import { texts } from '../texts.ts'

const [WIDTH, HEIGHT] = [120, 32]

interface Props {
  name: string
  values: readonly (number | undefined)[]
  format: (value: number) => string
}

export function Spark({ name, values, format }: Props) {
  const known = values.filter((value) => value !== undefined)
  const say = texts.stats.chart(name, format(known.at(-1) ?? 0), format(Math.max(0, ...known)))
  const { stroke, fill } = line(values, SAMPLES_MAX, WIDTH, HEIGHT)
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={say}>
      <path class="spark-fill" d={fill} />
      <path class="spark-line" d={stroke} vector-effect="non-scaling-stroke" />
    </svg>
  )
}
