// The leaderboard.

'use strict'

const options = optionsOf({ max: 5, title: 'Top gifters' })
/** Maximum number of viewers to remember; the lowest are forgotten first. */
const VIEWERS_MAX = 10_000
let viewers = new Map()
const ranked = () => [...viewers.values()].sort((a, b) => b.sum - a.sum)

const draw = drawing(() => {
  const lines = ranked().slice(0, Math.max(1, options.max)).map(({ data, sum }, index) => {
    const line = element('li', 'card')
    line.append(element('span', 'rank', String(index + 1)), nameElement(data), element('span', 'sum', `${sum.toLocaleString('en')} 💎`))
    return line
  })
  document.querySelector('#board').replaceChildren(...lines)
})

document.querySelector('#title').textContent = shorten(options.title, 60)
connect(options, ['gift'], ({ type, data }) => {
  if (type !== 'gift' || !Number.isFinite(data.diamonds)) return
  const key = data.user?.userId || data.sender
  const known = viewers.get(key)
  viewers.set(key, { data, sum: (known?.sum ?? 0) + data.diamonds })
  if (viewers.size > VIEWERS_MAX) viewers = new Map(ranked().slice(0, VIEWERS_MAX / 2).map((viewer) => [viewer.data.user?.userId || viewer.data.sender, viewer]))
  draw()
}, {
  since: 0,
  onStartOver: () => {
    viewers = new Map()
    draw()
  },
})
