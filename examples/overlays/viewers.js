// The viewer count.

'use strict'

const options = optionsOf({ total: 0 })
const box = document.querySelector('#viewers')
const number = (count) => (Number.isFinite(count) ? count.toLocaleString('en') : '?')

let room
const draw = drawing(() => {
  // A LIVE that has ended has no viewers.
  box.textContent = room ? `👁 ${number(room.viewerCount)}${options.total && room.totalUserCount ? ` · ${number(room.totalUserCount)} in total` : ''}` : ''
})

connect(options, ['room_user', 'disconnected'], ({ type, data }) => {
  if (type === 'disconnected') room = undefined
  else if (type === 'room_user') room = data
  draw()
}, { since: 0 })
