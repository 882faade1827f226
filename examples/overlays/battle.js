// The score of a battle between hosts.

'use strict'

const options = optionsOf({ seconds: 15, pictures: 0, rival: '' })
/** `action` of a `battle` event. */
const [OPENED, FINISHED] = [4, 5]
/** Maximum number of sides on screen. */
const SIDES_MAX = 4
const find = (id) => document.getElementById(id)
let battle
let timer

/** The sides, with that of the room's host first. */
function sidesOf({ username, data }) {
  const known = new Map((battle?.id === data.battleId ? battle.sides : []).map((side) => [side.id, side]))
  const sides = (data.users ?? data.teams).slice(0, SIDES_MAX).map((side) => {
    const id = side.userId ?? side.hostUserId
    const user = data.users ? side : (known.get(id)?.user ?? {})
    return { id, user, points: side.points ?? known.get(id)?.points ?? 0 }
  })
  return sides.sort((a, b) => (b.user.uniqueId === username) - (a.user.uniqueId === username))
}

/** Seconds until the end, by the clock of the room, so that it is right in a replay too. */
function secondsOf({ startedAt, durationSeconds, timestamp }) {
  const seconds = (Date.parse(startedAt) - Date.parse(timestamp)) / 1000 + durationSeconds
  return seconds > 0 && seconds <= durationSeconds + 60 ? seconds : 0
}

function clockText() {
  if (battle.isOver) {
    const [first, second] = battle.sides.toSorted((a, b) => b.points - a.points)
    return second && first.points === second.points ? 'A draw' : `${nameOf(first)} wins`
  }
  const left = Math.max(0, Math.round((battle.endsAt - performance.now()) / 1000))
  return left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}` : 'Battle'
}

const draw = drawing(() => {
  find('battle').hidden = !battle
  if (!battle) return
  const best = Math.max(...battle.sides.map(({ points }) => points))
  find('clock').replaceChildren(element('span', 'text', clockText()))
  find('sides').replaceChildren(...battle.sides.map((side) => {
    const made = element('div', `side${battle.isOver && side.points === best ? ' won' : ''}`)
    made.append(avatarElement(side, options.pictures), nameElement(side), element('strong', 'points', countOf(side.points)))
    return made
  }))
  // Shares keep their elements, so that they move.
  const shares = find('shares')
  while (shares.childElementCount > battle.sides.length) shares.lastElementChild.remove()
  while (shares.childElementCount < battle.sides.length) shares.append(element('div', 'share'))
  battle.sides.forEach(({ points }, index) => (shares.children[index].style.flexGrow = points + 1))
})

/** Updates the clock each second, and hides the battle when it is over. */
function tick() {
  clearTimeout(timer)
  if (!battle) return
  if (performance.now() > battle.endsAt + options.seconds * 1000) battle = undefined
  else timer = setTimeout(tick, 1000)
  draw()
}

connect(options, ['battle', 'battle_score'], (event) => {
  const { data } = event
  const isScore = event.type === 'battle_score'
  // The last score comes after the end.
  const isOver = data.action === FINISHED || (isScore && battle?.id === data.battleId && battle.isOver)
  if (isScore || isOver || data.action === OPENED) {
    battle = { id: data.battleId, isOver, sides: sidesOf(event), endsAt: performance.now() + (isOver ? 0 : secondsOf(data) * 1000) }
  } else battle = undefined
  tick()
}, {
  since: 0,
  onOptions: draw,
  onStartOver: () => {
    battle = undefined
    tick()
    draw()
  },
})
