// Progress towards a goal.

'use strict'

/** For each `count`: the event type, and how much an event adds. */
const COUNTS = {
  diamonds: ['gift', ({ diamonds }) => diamonds],
  gifts: ['gift', ({ repeatDelta }) => repeatDelta],
  likes: ['like', ({ likeCount }) => likeCount],
  follows: ['social', ({ action }) => (action === 'follow' ? 1 : 0)],
  shares: ['social', ({ action }) => (action === 'share' ? 1 : 0)],
  subscribes: ['subscribe', () => 1],
}
/** The title for a `count` that is no word for viewers. */
const TITLES = { subscribes: 'Subscriptions' }
const options = optionsOf({ count: 'diamonds', goal: 1000, start: 0, title: '' }, { count: Object.keys(COUNTS) })
const [counted, worth] = COUNTS[options.count]
const find = (id) => document.getElementById(id)
/** What the events have added. */
let added = 0

const draw = drawing((isRush) => {
  const sum = options.start + added
  const part = Math.min(1, sum / options.goal)
  find('title').textContent = shorten(options.title, 60) || TITLES[options.count] || `${options.count[0].toUpperCase()}${options.count.slice(1)}`
  find('numbers').textContent = `${sum.toLocaleString('en')} / ${countOf(options.goal)}`
  find('done').style.transform = `translateX(${part * 100 - 100}%)`
  find('goal').classList.toggle('rush', isRush)
  find('goal').classList.toggle('reached', part === 1)
  document.querySelector('.bar').setAttribute('aria-valuenow', String(Math.round(part * 100)))
})

draw()
connect(options, [counted], ({ data }) => {
  const more = Number(worth(data))
  if (Number.isFinite(more)) added += more
  draw()
}, {
  since: 0,
  onOptions: draw,
  onStartOver: () => {
    added = 0
    draw()
  },
})
