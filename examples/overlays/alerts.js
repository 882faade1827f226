// Alerts for gifts, follows and subscriptions, with a picture, a sound and a queue.

'use strict'

const options = optionsOf({ max: 1, seconds: 5, min: 0, follows: 1, subscribes: 1, shares: 0, pictures: 0, sound: 1, align: 'center' })
/** Maximum number of waiting alerts; in a rush, the cheapest are merged. */
const WAITING_MAX = 50
/** With alerts waiting, each one is shown for this long at least, in ms. */
const SHOWN_MS_MIN = 1200
/** A streak stays for this long after each gift at least, in ms, so that its next gift finds it. */
const STREAK_MS_MIN = 3000
/** How long an alert takes to leave, in ms; the same as in overlay.css. */
const LEAVING_MS = 300
/** Number of alerts to remember, so that a late gift of a streak is not a second alert. */
const PAST_MAX = 500
const box = document.querySelector('#alerts')
const shown = new Set()
const waiting = []
const past = new Set()
/** What was merged, and is shown when nothing else waits. */
let rest = { alerts: 0, diamonds: 0 }

/** The alert that an event causes, if it causes one. */
function alertOf({ type, stream, seq, data }) {
  const alert = { key: `${stream} ${data.streakId || seq}`, data, says: '', gift: '', count: 0, merged: 0, price: 0, isFinal: data.isFinal !== false }
  if (type === 'gift') return Number.isFinite(data.repeatCount * data.diamondCount) ? { ...alert, says: 'sent', gift: giftOf(data), count: data.repeatCount, price: data.diamondCount } : undefined
  if (type === 'subscribe') return options.subscribes && { ...alert, says: data.subMonth > 1 ? `subscribed for ${data.subMonth} months` : 'subscribed' }
  if (data.action === 'follow' && options.follows) return { ...alert, says: 'followed' }
  if (data.action === 'share' && options.shares) return { ...alert, says: 'shared the LIVE' }
  return undefined
}

const total = ({ count, merged }) => count + merged
const worth = (alert) => total(alert) * alert.price

let speaker
/** Length of a sound, in seconds. */
const SOUND_S = 0.6
let lastRing = 0
/** When the last sound ends, by the clock of the speaker: on a busy machine, that clock is slower than the alerts. */
let quietFrom = 0
/** Plays two tones, after those of the alert before. */
async function ring(diamonds) {
  if (!options.sound) return
  const mine = (lastRing += 1)
  // Browsers other than OBS wait for a click. Only the last of the sounds that waited is played then.
  await speaker.resume()
  if (mine !== lastRing) return
  const pitch = 520 + Math.min(480, diamonds)
  const begin = Math.max(speaker.currentTime, quietFrom)
  quietFrom = begin + SOUND_S
  ;[pitch, pitch * 1.5].forEach((frequency, index) => {
    const at = begin + index * 0.12
    const tone = new OscillatorNode(speaker, { type: 'triangle', frequency })
    const gain = new GainNode(speaker, { gain: 0 })
    gain.gain.setValueAtTime(0.15, at)
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.4)
    tone.connect(gain).connect(speaker.destination)
    tone.start(at)
    tone.stop(at + 0.45)
  })
}

/** Takes the cheapest alert out of the queue: into one of the same viewer and gift, or else into the rest. */
function merge() {
  // Gifts of a streak that goes on would miss their alert.
  const ended = waiting.filter(({ isFinal }) => isFinal)
  const least = (ended.length > 0 ? ended : waiting).reduce((least, alert) => (worth(alert) < worth(least) ? alert : least))
  waiting.splice(waiting.indexOf(least), 1)
  remember(least.key)
  const twin = least.gift && waiting.find(({ data, gift }) => gift === least.gift && data.sender === least.data.sender)
  if (twin) twin.merged += total(least)
  else rest = { alerts: rest.alerts + 1, diamonds: rest.diamonds + worth(least) }
}

function remember(key) {
  past.add(key)
  if (past.size > PAST_MAX) past.delete(past.values().next().value)
}

function leave(alert) {
  clearTimeout(alert.timer)
  shown.delete(alert)
  remember(alert.key)
  alert.card.classList.add('gone')
  setTimeout(() => {
    alert.card.remove()
    draw()
  }, LEAVING_MS)
}

/** Restarts the time of an alert: a streak stays as long as it counts up, and each one more briefly while others wait. */
function stay(alert) {
  clearTimeout(alert.timer)
  const least = alert.isFinal ? SHOWN_MS_MIN : STREAK_MS_MIN
  alert.timer = setTimeout(leave, Math.max(least, (options.seconds * 1000) / (1 + waiting.length)), alert)
}

function show(alert) {
  const { data, says, gift } = alert
  const what = element('span', 'what')
  what.append(says, gift && ' ', ...(gift ? [textElement(gift)] : []))
  const picture = gift ? pictureElement(data.giftPictureUrl, options.pictures, paint(gift)) : avatarElement(data, options.pictures)
  picture.classList.add('picture')
  alert.card = element('div', 'alert')
  alert.card.append(picture, ...(gift ? [avatarElement(data, options.pictures)] : []), nameElement(data), what, element('strong', 'count'), element('span', 'diamonds'))
  box.append(alert.card)
  shown.add(alert)
  // The show of the setup page goes on and on.
  if (!options.preview || alert.isTest) ring(alert.price)
  stay(alert)
}

function next() {
  if (waiting.length > 0) return waiting.shift()
  const { alerts, diamonds } = rest
  rest = { alerts: 0, diamonds: 0 }
  return { key: '', data: { sender: `+${countOf(alerts)} more` }, says: '', gift: '', count: 1, merged: 0, price: diamonds, isFinal: true }
}

const draw = drawing(() => {
  // Alerts that leave keep their place for a moment.
  while (box.childElementCount < Math.max(1, options.max) && (waiting.length > 0 || rest.alerts > 0)) show(next())
  for (const alert of shown) {
    const [count, diamonds] = alert.card.querySelectorAll('.count, .diamonds')
    const text = alert.gift && `×${countOf(total(alert))}`
    // A new element repeats the animation.
    if (text !== count.textContent) count.replaceWith(element('strong', 'count', text))
    diamonds.textContent = worth(alert) > 0 ? `${countOf(worth(alert))} 💎` : ''
  }
})

function prepare() {
  // Early: opening the sound device takes longer than a frame.
  if (options.sound) speaker ??= new AudioContext()
  box.classList.toggle('many', options.max > 1)
  draw()
}
prepare()
// All types that an option may ask for while the page is open.
connect(options, ['gift', 'social', 'subscribe'], (event) => {
  const alert = alertOf(event)
  if (!alert || past.has(alert.key)) return
  const known = [...shown, ...waiting].find(({ key }) => key === alert.key)
  if (known) {
    Object.assign(known, { count: Math.max(known.count, alert.count), isFinal: alert.isFinal })
    if (shown.has(known)) stay(known)
  } else if (alert.gift && worth(alert) < options.min) return
  else if (event.isTest) {
    waiting.unshift({ ...alert, isTest: true })
    shown.forEach(leave)
  } else waiting.push(alert)
  if (waiting.length > WAITING_MAX) merge()
  draw()
}, { onOptions: prepare })
