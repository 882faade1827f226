// The chat box.

'use strict'

const options = optionsOf({ max: 12, seconds: 0, avatars: 0 })
const lines = document.querySelector('#lines')

function leave(line) {
  line.classList.add('gone')
  setTimeout(() => line.remove(), 500)
}

function make({ data, text }, isRush) {
  const line = element('div', `line card${isRush ? '' : ' alone'}`)
  line.append(...avatarElement(data, options.avatars), nameElement(data), element('span', 'text', text))
  if (options.seconds > 0) setTimeout(leave, options.seconds * 1000, line)
  return line
}

// Lines are only built for chats that will be shown.
let waiting = []
const draw = drawing((isRush) => {
  lines.append(...waiting.splice(0).map((chat) => make(chat, isRush)))
  while (lines.childElementCount > options.max) lines.firstElementChild.remove()
})

connect(options, ['chat'], ({ data }) => {
  const text = shorten(data.comment ?? data.questionText ?? data.content, TEXT_CHARACTERS_MAX)
  if (text === '') return
  waiting.push({ data, text })
  waiting = waiting.slice(-Math.max(1, options.max))
  draw()
})
