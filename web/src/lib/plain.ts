/** Texts from outside, such as names, comments, gifts and file names: none may change how the text around it looks. */

/** Control characters and line separators, which become spaces. Tabs and line breaks are ordinary white space. */
const CONTROLS = '\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u2028\\u2029'
/** Bidirectional controls and invisible characters, which are removed. Joiners stay: emoji, Persian and Hindi need them. */
const UNSEEN = '\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff'
const [SPACED, REMOVED, ANY] = [new RegExp(`[${CONTROLS}]+`, 'g'), new RegExp(`[${UNSEEN}]+`, 'g'), new RegExp(`[${CONTROLS}${UNSEEN}]`)]
/** Both kinds, where JSON does not escape them. */
const UNESCAPED = new RegExp(`[\\u007f-\\u009f\\u2028\\u2029${UNSEEN}]`, 'g')

/** Removes characters that nobody can see and that could reverse or hide others. */
export const plain = (text: string): string =>
  // Most texts have none, and one search is faster than two.
  ANY.test(text) ? text.replace(SPACED, ' ').replace(REMOVED, '') : text

/** First Strong Isolate and Pop Directional Isolate: what is between them has a writing direction of its own. */
const [FSI, PDI] = ['\u2068', '\u2069']
const ISOLATED = new RegExp(`${FSI}([^${PDI}]*)${PDI}?`)

/** Marks a text from outside within a sentence, for `parts` or for the browser, which knows the marks. */
export const isolate = (text: string): string => `${FSI}${plain(text)}${PDI}`

/** Splits a sentence: each second part was isolated. */
export const parts = (sentence: string): string[] => (sentence.includes(FSI) ? sentence.split(ISOLATED) : [sentence])

/** Makes invisible characters of JSON visible, by the escapes that JSON has for them. */
export const escaped = (json: string): string =>
  json.replace(UNESCAPED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
