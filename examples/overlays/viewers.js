// The number of viewers.

'use strict'

const options = optionsOf({ total: 0, align: 'start' })
const box = document.querySelector('#viewers')
const number = (count) => (Number.isFinite(count) ? countOf(count) : '?')

let room
const draw = drawing(() => {
  // A LIVE that has ended has no viewers.
  box.textContent = room ? `👁 ${number(room.viewerCount)}${options.total && room.totalUserCount ? ` · ${number(room.totalUserCount)} in total` : ''}` : ''
})

connect(options, ['room_user', 'disconnected'], ({ type, data }) => {
  room = type === 'room_user' ? data : undefined
  draw()
}, {
  since: 0,
  onOptions: draw,
  onStartOver: () => {
    room = undefined
    draw()
  },
})
