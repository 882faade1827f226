// The list of gift alerts.

'use strict'

const options = optionsOf({ max: 3, seconds: 6, min: 0, avatars: 0 })
/** Maximum number of waiting alerts; in a rush the cheapest are dropped. */
const WAITING_MAX = 50
/** Minimum time on screen, in seconds: shorter, alerts would flash. */
const SECONDS_MIN = 1
const alerts = document.querySelector('#alerts')
/** Visible alerts, by the ID of their streak. */
const shown = new Map()
const waiting = []

function enter() {
  while (shown.size < Math.max(1, options.max) && waiting.length > 0) {
    const alert = waiting.shift()
    shown.set(alert.key, alert)
    alerts.append(alert.card)
    if (options.seconds > 0) stay(alert)
  }
}

function stay(alert) {
  clearTimeout(alert.timer)
  alert.timer = setTimeout(() => {
    alert.card.classList.add('gone')
    shown.delete(alert.key)
    setTimeout(() => (alert.card.remove(), draw()), 400)
  }, Math.max(SECONDS_MIN, options.seconds) * 1000)
}

const draw = drawing(() => {
  enter()
  for (const { count, diamonds, total, sum } of shown.values()) {
    count.textContent = `×${total.toLocaleString('en')}`
    diamonds.textContent = `${sum.toLocaleString('en')} 💎`
  }
})

/** Creates the alert of a streak; its count rises while it is visible. */
function make(key, data) {
  const alert = { key, total: 0, sum: 0, card: element('div', 'alert card'), count: element('span', 'count'), diamonds: element('span', 'diamonds') }
  alert.card.append(...avatarElement(data, options.avatars), nameElement(data), element('span', '', 'sent'), textElement(shorten(data.giftName, NAME_CHARACTERS_MAX) || 'a gift'), alert.count, alert.diamonds)
  return alert
}

connect(options, ['gift'], ({ type, stream, seq, data }) => {
  if (type !== 'gift' || !Number.isFinite(data.repeatCount * data.diamondCount)) return
  const key = `${stream} ${data.streakId || seq}`
  const known = shown.get(key) ?? waiting.find((other) => other.key === key)
  if (!known && data.diamondCount * data.repeatCount < options.min) return
  const alert = known ?? make(key, data)
  alert.total = Math.max(alert.total, data.repeatCount)
  alert.sum = alert.total * data.diamondCount
  if (!known) waiting.push(alert)
  if (waiting.length > WAITING_MAX) waiting.splice(waiting.reduce((least, { sum }, index) => (sum < waiting[least].sum ? index : least), 0), 1)
  if (shown.has(key) && options.seconds > 0) stay(alert)
  draw()
})
