// The viewers who gave the most.

'use strict'

const options = optionsOf({ max: 5, title: 'Top gifters', pictures: 0 })
/** Maximum number of viewers to remember; the lowest are forgotten first. */
const VIEWERS_MAX = 10_000
let viewers = new Map()
const keyOf = (data) => data.user?.userId || data.sender
const ranked = () => [...viewers.values()].sort((a, b) => b.sum - a.sum)

const draw = drawing(() => {
  document.querySelector('#title').textContent = shorten(options.title, 60)
  const lines = ranked().slice(0, Math.max(1, options.max)).map(({ data, sum }, index) => {
    const line = element('li', '')
    line.append(element('span', 'rank', String(index + 1)), avatarElement(data, options.pictures), nameElement(data), element('span', 'sum', `${countOf(sum)} 💎`))
    return line
  })
  document.querySelector('#board').replaceChildren(...lines)
})

draw()
connect(options, ['gift'], ({ data }) => {
  if (!Number.isFinite(data.diamonds)) return
  viewers.set(keyOf(data), { data, sum: (viewers.get(keyOf(data))?.sum ?? 0) + data.diamonds })
  if (viewers.size > VIEWERS_MAX) viewers = new Map(ranked().slice(0, VIEWERS_MAX / 2).map((viewer) => [keyOf(viewer.data), viewer]))
  draw()
}, {
  since: 0,
  onOptions: draw,
  onStartOver: () => {
    viewers = new Map()
    draw()
  },
})
