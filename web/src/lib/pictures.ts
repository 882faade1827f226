/** Pictures of gifts, drawn from their names, and avatars made of initials and a colour: real ones would be requests to other servers. */

/** Maximum length of a name, in grapheme clusters, and of a cluster, in characters. */
const [NAME_CLUSTERS_MAX, CLUSTER_CHARS_MAX] = [40, 32]
/** Control characters, bidirectional marks and invisible characters. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g
/** Characters that never combine with their neighbours. */
const SIMPLE = /^[ -~\u00a1-\u00ac\u00ae-\u02ff]*$/
const SEGMENTS = new Intl.Segmenter()

/** Shortens a name as overlays do (`shorten` in `examples/overlays/overlay.js`), since their pictures depend on the result. */
export function shorten(name: string): string {
  const clean = name.slice(0, NAME_CLUSTERS_MAX * CLUSTER_CHARS_MAX).replaceAll(UNSEEN, ' ').trim()
  if (clean.length <= NAME_CLUSTERS_MAX && SIMPLE.test(clean)) return clean
  const clusters: string[] = []
  for (const { segment, index } of SEGMENTS.segment(clean)) {
    if (clusters.length === NAME_CLUSTERS_MAX) return `${clean.slice(0, index)}…`
    clusters.push(segment.slice(0, CLUSTER_CHARS_MAX))
  }
  return clusters.join('')
}

/** The commonest gifts, as in `examples/overlays/gift.js`. */
const SIGNS: Record<string, string> = {
  Rose: '🌹', Rosa: '🌷', TikTok: '🎵', GG: '🎮', 'Ice Cream Cone': '🍦', 'Heart Me': '💖', Heart: '❤️', 'Finger Heart': '💗', Doughnut: '🍩', Perfume: '🧴',
  Confetti: '🎉', Cap: '🧢', 'Paper Crane': '🕊️', Sunglasses: '🕶️', Corgi: '🐶', 'Money Gun': '💸', Swan: '🦢', Galaxy: '🌌', Lion: '🦁', 'TikTok Universe': '🪐',
}

/** Attributes of the petals (`ellipse`) and of the centre (`circle`), in the view box `-50 -50 100 100`. */
export interface Picture {
  /** A sign that stands for the gift, instead of petals. */
  sign?: string
  petals: { cx: number; cy: number; rx: number; ry: number; fill: string; transform: string }[]
  heart: { r: number; fill: string }
}

/** Draws the gift with the same shapes as `paint` in `examples/overlays/gift.js`. */
export function paint(name: string): Picture {
  const sign = Object.hasOwn(SIGNS, name) ? SIGNS[name] : undefined
  if (sign) return { sign, petals: [], heart: { r: 0, fill: 'none' } }
  let seed = [...name].reduce((sum, letter) => Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0, 0x811c9dc5)
  const next = (max: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * max)
  }
  const [count, hue, long] = [5 + next(5), next(360), 26 + next(18)]
  const petals = Array.from({ length: count }, (_, index) => ({
    cx: 0,
    cy: -long / 1.5,
    rx: 9 + (seed % 7),
    ry: long / 1.8,
    fill: `hsl(${(hue + index * 9) % 360} 80% 62%)`,
    transform: `rotate(${(360 / count) * index})`,
  }))
  return { petals, heart: { r: 10, fill: `hsl(${(hue + 180) % 360} 85% 70%)` } }
}

/** Avatars made of initials and a colour: real pictures would be requests to other servers. */

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let sum = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) {
    sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193) >>> 0
  }
  return sum
}

/** Hue of a person’s avatar, in degrees; stable for each key. */
export const hue = (key: string): number => hash(key) % 360

/** The first letters of the first two words, or the first character of a name without letters. */
export function initials(name: string): string {
  const words = name.slice(0, 80).split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word))
  const letters = words.map((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? '')
  if (letters.length > 0) return letters.slice(0, 2).join('').toUpperCase()
  const first = SEGMENTS.segment(name.trim().slice(0, 32))[Symbol.iterator]().next()
  return first.done ? '?' : first.value.segment
}
