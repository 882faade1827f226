/** Names of recordings. */

const ENDINGS = /\.(bin|har|zip|jsonl|ndjson|json|mitm|flows?)$/i
/** Characters that the name of a recording must not contain. */
const FORBIDDEN = /[/\\:"%\p{Cc}\p{Cf}]/gu

/** The name of the recording that a file becomes. */
export function nameOf(file: string): string {
  const plain = file.replace(/\.gz$/i, '').replace(ENDINGS, '').replaceAll(FORBIDDEN, '_').replace(/^\.+/, '')
  return plain || 'upload'
}

/** The first of `name-2`, `name-3`… that is not taken. */
export function freeName(name: string, taken: readonly string[]): string {
  for (let number = 2; ; number += 1) {
    if (!taken.includes(`${name}-${number}`)) return `${name}-${number}`
  }
}
