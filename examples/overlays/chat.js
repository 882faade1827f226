// The chat.

'use strict'

const options = optionsOf({ max: 12, seconds: 0, pictures: 0, align: 'start' })
/** How long a line takes to leave, in ms; the same as in overlay.css. */
const LEAVING_MS = 300
const lines = document.querySelector('#lines')

function leave(line) {
  line.classList.add('gone')
  setTimeout(() => line.remove(), LEAVING_MS)
}

/** What stands before the names of these users. */
const ROLES = [['isModerator', 'mod'], ['isSubscriber', 'sub']]

function make({ data, text }, isRush) {
  const line = element('div', `line${isRush ? '' : ' alone'}`)
  const name = nameElement(data)
  name.prepend(...ROLES.filter(([key]) => data.user?.[key]).map(([, role]) => element('span', 'role', role)))
  line.append(avatarElement(data, options.pictures), name, element('span', 'text', text))
  if (options.seconds > 0) setTimeout(leave, options.seconds * 1000, line)
  return line
}

// Lines are only built for chats that will be shown.
let waiting = []
const draw = drawing((isRush) => {
  lines.append(...waiting.splice(0).map((chat) => make(chat, isRush)))
  while (lines.childElementCount > Math.max(1, options.max)) lines.firstElementChild.remove()
})

connect(options, ['chat'], ({ data }) => {
  const text = shorten(data.comment ?? data.questionText ?? data.content, TEXT_CHARACTERS_MAX)
  if (text === '') return
  waiting.push({ data, text })
  waiting = waiting.slice(-Math.max(1, options.max))
  draw()
}, {
  onStartOver: () => {
    waiting = []
    lines.replaceChildren()
  },
})
