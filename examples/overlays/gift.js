// Pictures of gifts, drawn from their names. The dashboard draws the same ones (web/src/lib/pictures.ts).

'use strict'

const SVG = 'http://www.w3.org/2000/svg'

/** The commonest gifts, by the names that TikTok gives them in English. */
const SIGNS = {
  Rose: '🌹', Rosa: '🌷', TikTok: '🎵', GG: '🎮', 'Ice Cream Cone': '🍦', 'Heart Me': '💖', Heart: '❤️', 'Finger Heart': '💗', Doughnut: '🍩', Perfume: '🧴',
  Confetti: '🎉', Cap: '🧢', 'Paper Crane': '🕊️', Sunglasses: '🕶️', Corgi: '🐶', 'Money Gun': '💸', Swan: '🦢', Galaxy: '🌌', Lion: '🦁', 'TikTok Universe': '🪐',
}

/** Draws a gift as its sign, or else as petals whose number, shape and colours depend on its name only, so nothing is loaded. */
function paint(name) {
  let seed = hashOf(name)
  const next = (max) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * max)
  }
  const make = (tag, attributes) => {
    const made = document.createElementNS(SVG, tag)
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
    return made
  }
  const picture = make('svg', { class: 'picture', viewBox: '-50 -50 100 100', 'aria-hidden': 'true' })
  if (Object.hasOwn(SIGNS, name)) {
    const sign = make('text', { 'text-anchor': 'middle', 'dominant-baseline': 'central', 'font-size': 76 })
    sign.textContent = SIGNS[name]
    picture.replaceChildren(sign)
    return picture
  }
  const [petals, hue, long] = [5 + next(5), next(360), 26 + next(18)]
  const shapes = Array.from({ length: petals }, (_, index) =>
    make('ellipse', { cx: 0, cy: -long / 1.5, rx: 9 + (seed % 7), ry: long / 1.8, fill: `hsl(${(hue + index * 9) % 360} 80% 62%)`, transform: `rotate(${(360 / petals) * index})` }))
  picture.replaceChildren(...shapes, make('circle', { r: 10, fill: `hsl(${(hue + 180) % 360} 85% 70%)` }))
  return picture
}

/** The name of a gift, on which its picture depends. */
const giftOf = (data) => shorten(data.giftName, NAME_CHARACTERS_MAX) || 'a gift'
