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

const SEGMENTS = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The first letters of the first two words, or the first character of a name without letters. */
export function initials(name: string): string {
  const words = name.slice(0, 80).split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word))
  const letters = words.map((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? '')
  if (letters.length > 0) return letters.slice(0, 2).join('').toUpperCase()
  const first = SEGMENTS.segment(name.trim().slice(0, 32))[Symbol.iterator]().next()
  return first.done ? '?' : first.value.segment
}

