/** Texts from outside. Every part shows them with these two, so that none reaches the page with control characters or without isolation. */

import { parts, plain } from '../lib/plain.ts'

/** A text that comes from outside as a whole. */
export function Foreign({ text, ...rest }: { text: string; class?: string; title?: string }) {
  return <bdi {...rest}>{plain(text)}</bdi>
}

/** One of our sentences, in which names and other texts from outside are isolated. */
export function Sentence({ text }: { text: string }) {
  return <>{parts(text).map((part, index) => (index % 2 === 1 ? <bdi key={index}>{part}</bdi> : part))}</>
}
