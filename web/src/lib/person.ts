/** A person without a picture: pictures would be requests to somebody else's servers. */

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let sum = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) {
    sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193) >>> 0
  }
  return sum
}

/** A colour's angle, the same for the same person. */
export const hue = (key: string): number => hash(key) % 360

const SEGMENTS = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** What stands in the circle: the first letters of the first two words, or what else begins the name. */
export function initials(name: string): string {
  const words = name.slice(0, 80).split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word))
  const letters = words.map((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? '')
  if (letters.length > 0) return letters.slice(0, 2).join('').toUpperCase()
  const first = SEGMENTS.segment(name.trim().slice(0, 32))[Symbol.iterator]().next()
  return first.done ? '?' : first.value.segment
}

