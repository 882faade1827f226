/** Statistics of the room, and the server’s counters. */

import { LEADERS_SHOWN, type Leader } from '../feed/totals.ts'
import { line } from '../lib/charts.ts'
import { bytes, compact, duration, grouped, offsetTime, rate } from '../lib/format.ts'
import { hue, initials } from '../lib/pictures.ts'
import { plain } from '../lib/plain.ts'
import { offsetOf } from '../lib/recording.ts'
import { clientCount } from '../state/clients.ts'
import { view } from '../state/feed.ts'
import { SAMPLES_MAX, type Sample, diamondsNow, eventsOf, lateness, samples, truth } from '../state/stats.ts'
import type { NodeState, TruthAt } from '../state/rest.ts'
import { health, replay, status } from '../state/server.ts'
import { startedAt } from '../state/transport.ts'
import { texts } from '../texts.ts'
import { Facts } from './buttons.tsx'
import { Foreign, Sentence } from './foreign.tsx'

const say = texts.stats
/** From this offset on, totals are not those of the whole recording, in ms: its first event may be a little late. */
const MOVED_MS_MIN = 1000
/** Enough of a node's name to tell nodes apart, in characters. */
const NODE_CHARS = 8

export function Stats() {
  const totals = view.value?.totals
  const latest = samples.value.at(-1)
  const tell = (value: number | undefined): string => (value === undefined ? '–' : compact(value))
  return (
    <section class="panel stats" aria-labelledby="stats-title">
      <h2 id="stats-title">{say.title}</h2>
      <Expected />
      <div class="tiles">
        <Tile name={say.viewers} kind="viewers" value={tell(totals?.viewers)} of={({ viewers }) => viewers} format={compact} />
        <Tile name={say.likes} kind="like" value={tell(totals?.likes)} of={({ likes }) => likes} format={compact} />
        <Tile name={say.diamonds} kind="gift" value={compact(diamondsNow())} of={({ diamonds }) => diamonds} format={compact} />
        <Tile name={say.rate} kind="chat" value={rate(latest?.rate ?? 0)} of={(sample) => sample.rate} format={rate} />
      </div>
      <GoalBoard />
      <BattleBoard />
      <Leaderboard />
      <Nodes />
      <Counted />
    </section>
  )
}

/** What the client under test should show at this moment of a replay. */
function Expected() {
  const told = truth.value
  if (!told) return null
  const since = offsetOf(view.value?.totals.since ?? '', startedAt.value, replay.value?.durationMs ?? Infinity) ?? 0
  const facts = Object.entries(say.truths).map(([key, name]) => {
    const value = told[key as keyof typeof say.truths]
    return [name, typeof value === 'number' ? grouped(value) : <Foreign text={value || '–'} />] as const
  })
  return (
    <>
      <h3 title={say.truthHint}>{since >= MOVED_MS_MIN ? say.truthSince(offsetTime(since)) : say.truth}</h3>
      <Facts class="truth" facts={facts} />
    </>
  )
}

/** The users with the most diamonds, by the names that this page knows. */
function leadersOf({ users }: TruthAt, known: readonly Leader[]): Leader[] {
  const most = Object.entries(users).filter(([, diamonds]) => diamonds > 0).sort(([, a], [, b]) => b - a).slice(0, LEADERS_SHOWN)
  return most.map(([id, diamonds]) => ({ key: id, name: plain(id), handle: '', ...known.find(({ name, handle }) => (handle || name) === id), diamonds }))
}

function Leaderboard() {
  const leaders = truth.value ? leadersOf(truth.value, view.value?.leaders ?? []) : (view.value?.leaders ?? [])
  if (leaders.length === 0) return null
  return (
    <>
      <h3 id="leaders-title">{say.leaders}</h3>
      <ol class="leaders" aria-labelledby="leaders-title">
        {leaders.map(({ key, name, handle, diamonds }) => (
          <li key={key}>
            <span class="avatar" style={{ '--hue': hue(key) }} aria-hidden="true">{initials(name)}</span>
            <Foreign class="leader-name" title={handle && texts.feed.handle(handle)} text={name} />
            <span class="diamonds" title={texts.feed.diamonds(diamonds)}>◆ {compact(diamonds)}</span>
          </li>
        ))}
      </ol>
    </>
  )
}

function GoalBoard() {
  const goal = view.value?.totals.goal
  if (!goal || goal.parts.length === 0) return null
  return (
    <>
      <h3 id="goal-title"><Sentence text={say.goal(goal.description)} /></h3>
      <ul class="leaders" aria-labelledby="goal-title">
        {goal.parts.map(({ gift, isSubscriptions, progress, target }, index) => (
          <li key={index}>
            <Foreign class="leader-name" text={gift || (isSubscriptions ? say.subscriptions : say.gifts)} />
            <span class="points">{say.progress(progress, target)}</span>
          </li>
        ))}
      </ul>
    </>
  )
}

function BattleBoard() {
  const battle = view.value?.totals.battle
  if (!battle) return null
  return (
    <>
      <h3 id="battle-title">{battle.isOver ? say.battleOver : say.battle}</h3>
      <ul class="leaders" aria-labelledby="battle-title">
        {battle.sides.map(({ id, name, points }, index) => (
          <li key={index}>
            <span class="avatar" style={{ '--hue': hue(id) }} aria-hidden="true">{initials(name || say.host(index + 1))}</span>
            <Foreign class="leader-name" text={name || say.host(index + 1)} />
            <span class="points">{grouped(points)}</span>
          </li>
        ))}
      </ul>
    </>
  )
}

/** The nodes that show the same feed. */
function Nodes() {
  const cluster = status.value?.cluster
  if (!cluster) return null
  const roles = ({ node }: NodeState): string =>
    [node === cluster.owner && say.owner, node === cluster.node && say.here].filter(Boolean).join(', ')
  return (
    <>
      <h3 id="nodes-title"><Sentence text={say.cluster(cluster.cluster)} /></h3>
      {!cluster.reachable && <p class="nodes-lost" role="status">{say.unreachable}</p>}
      <ul class="nodes" aria-labelledby="nodes-title">
        {cluster.nodes.map((node) => (
          <li key={node.node}>
            <code title={plain(`${node.node}, livetape ${node.version}`)}><Foreign text={node.node.slice(0, NODE_CHARS)} /></code>
            <span class="node-roles">{roles(node)}</span>
            <span>{texts.connect.clients(node.clients)}</span>
          </li>
        ))}
      </ul>
    </>
  )
}

interface TileProps {
  name: string
  kind: string
  value: string
  of: (sample: Sample) => number | undefined
  format: (value: number) => string
}

function Tile({ name, kind, value, of, format }: TileProps) {
  return (
    <div class={`tile kind-${kind}`}>
      <span class="tile-name">{name}</span>
      <strong class="tile-value">{value}</strong>
      <Spark name={name} values={samples.value.map(of)} format={format} />
    </div>
  )
}

/** Size of a sparkline. */
const [WIDTH, HEIGHT] = [120, 32]

interface SparkProps {
  name: string
  values: readonly (number | undefined)[]
  format: (value: number) => string
}

/** Sparkline of the last two minutes. */
function Spark({ name, values, format }: SparkProps) {
  const known = values.filter((value) => value !== undefined)
  const label = say.chart(name, format(known.at(-1) ?? 0), format(Math.max(0, ...known)))
  const { stroke, fill } = line(values, SAMPLES_MAX, WIDTH, HEIGHT)
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="spark-fill" d={fill} />
      <path class="spark-line" d={stroke} vector-effect="non-scaling-stroke" />
    </svg>
  )
}

/** Formats a lateness, which is usually a fraction of a millisecond. */
const late = (ms: number): string => (ms < 100 ? `${ms.toFixed(1)} ms` : duration(ms))

function Counted() {
  const counts = status.value?.counts
  const facts = health.value
  const rows: [string, string][] = [
    [say.clients, facts ? grouped(clientCount.value) : '–'],
    [say.lateness, lateness.value === undefined ? '' : late(lateness.value)],
    [say.frames, counts ? grouped(counts.frames) : '–'],
    [say.messages, counts ? grouped(counts.messages) : '–'],
    [say.events, counts ? grouped(eventsOf(counts)) : '–'],
    [say.missing, counts ? grouped(counts.recordsMissing) : '–'],
    [say.memory, facts?.memory ? bytes(facts.memory.rss) : '–'],
  ]
  return (
    <>
      <h3>{say.counted}</h3>
      <Facts facts={rows} />
      <Reasons name={say.duplicates} counts={counts?.duplicates} />
      <Reasons name={say.unknown} counts={counts?.unknownMethods} />
      <Reasons name={say.faults} counts={counts?.faults} />
    </>
  )
}

function Reasons({ name, counts = {} }: { name: string; counts: Record<string, number> | undefined }) {
  const reasons = Object.entries(counts).sort(([, a], [, b]) => b - a)
  const sum = reasons.reduce((all, [, count]) => all + count, 0)
  return (
    <details class="reasons" open={reasons.length > 0 && reasons.length < 6}>
      <summary>
        {name}
        <strong>{sum === 0 ? say.none : grouped(sum)}</strong>
      </summary>
      <ul>
        {reasons.map(([reason, count]) => (
          <li key={reason}>
            <Foreign text={reason} />
            <span>{grouped(count)}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}
