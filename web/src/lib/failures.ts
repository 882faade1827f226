/** Titles and hints of error codes. */

import { hints } from '../hints.ts'
import { titles } from '../titles.ts'
import { plain } from './plain.ts'

/** A text of the server, which begins with a small letter, as the start of a sentence. */
export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The title of an error code: ours, else the server’s, else the code in words. */
export function titleOf(code: string, told = ''): string {
  if (code !== '' && Object.hasOwn(titles, code)) return titles[code] as string
  return capitalized(plain(told || code.replaceAll('_', ' '))) || (titles[''] as string)
}

/** The hint for an error code: ours for this page, else the server’s. */
export const hintOf = (code: string, told: string): string =>
  Object.hasOwn(hints, code) ? (hints[code] as string) : told
