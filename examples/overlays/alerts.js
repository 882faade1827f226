// Gift alerts, one at a time.

'use strict'

const options = optionsOf({ seconds: 5, min: 0, sound: 1 })
/** Maximum number of waiting alerts; in a rush the cheapest are dropped. */
const WAITING_MAX = 50
/** With many alerts waiting, each one is shown for this long at least, in ms. */
const SHOWN_MS_MIN = 1200
/** A streak stays for this long after each gift at least, in ms, so that its next gift finds it. */
const STREAK_MS_MIN = 3000
/** Number of alerts to remember, so that a late gift of a streak is not a second alert. */
const PAST_MAX = 500
const SVG = 'http://www.w3.org/2000/svg'
const box = document.querySelector('#alert')
const waiting = []
const past = new Set()
let current
let timer

/** Draws a gift: petals whose number, shape and colours depend on its name only, so nothing is loaded. */
function paint(name) {
  let seed = [...name].reduce((sum, letter) => Math.imul(sum ^ letter.codePointAt(0), 0x01000193) >>> 0, 0x811c9dc5)
  const next = (max) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * max)
  }
  const [petals, hue, long] = [5 + next(5), next(360), 26 + next(18)]
  const shapes = Array.from({ length: petals }, (_, index) => {
    const petal = document.createElementNS(SVG, 'ellipse')
    for (const [key, value] of Object.entries({ cx: 0, cy: -long / 1.5, rx: 9 + (seed % 7), ry: long / 1.8, fill: `hsl(${(hue + index * 9) % 360} 80% 62%)`, transform: `rotate(${(360 / petals) * index})` })) petal.setAttribute(key, value)
    return petal
  })
  const heart = document.createElementNS(SVG, 'circle')
  heart.setAttribute('r', 10)
  heart.setAttribute('fill', `hsl(${(hue + 180) % 360} 85% 70%)`)
  document.querySelector('#picture').replaceChildren(...shapes, heart)
}

// Created early: opening the sound device takes longer than a frame.
const speaker = options.sound ? new AudioContext() : undefined
/** Length of a sound, in seconds. */
const SOUND_S = 0.6
let lastRing = 0
/** When the last sound ends, by the clock of the speaker: on a busy machine, that clock is slower than the alerts. */
let quietFrom = 0
/** Plays two tones, after those of the alert before. */
async function ring(diamonds) {
  if (!speaker) return
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

function leave() {
  past.add(current.key)
  if (past.size > PAST_MAX) past.delete(past.values().next().value)
  current = undefined
  box.hidden = true
  draw()
}

/** Restarts the time of the current alert: a streak stays as long as it counts up. */
function stay() {
  clearTimeout(timer)
  const least = current.isFinal ? SHOWN_MS_MIN : STREAK_MS_MIN
  timer = setTimeout(leave, waiting.length > 5 ? least : Math.max(least, options.seconds * 1000))
}

const draw = drawing(() => {
  if (!current && waiting.length > 0) {
    current = waiting.shift()
    paint(current.gift)
    box.querySelector('.said').replaceChildren(nameElement(current.data), element('span', '', 'sent'), textElement(current.gift))
    box.hidden = false
    ring(current.data.diamondCount)
    stay()
  }
  if (current) document.querySelector('#count').textContent = `×${current.total.toLocaleString('en')}`
})

connect(options, ['gift'], ({ type, stream, seq, data }) => {
  if (type !== 'gift' || !Number.isFinite(data.repeatCount * data.diamondCount)) return
  const key = `${stream} ${data.streakId || seq}`
  const known = current?.key === key ? current : waiting.find((alert) => alert.key === key)
  if (past.has(key) || (!known && data.diamondCount * data.repeatCount < options.min)) return
  const isFinal = data.isFinal !== false
  if (known) Object.assign(known, { isFinal, total: Math.max(known.total, data.repeatCount) })
  else waiting.push({ key, data, isFinal, gift: shorten(data.giftName, NAME_CHARACTERS_MAX) || 'a gift', total: data.repeatCount })
  const worth = ({ data, total }) => data.diamondCount * total
  if (waiting.length > WAITING_MAX) waiting.splice(waiting.reduce((least, alert, index) => (worth(alert) < worth(waiting[least]) ? index : least), 0), 1)
  if (known === current && known) stay()
  draw()
})
