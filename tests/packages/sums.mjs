// Prints the SHA-256 of each file in a folder, in the format of `sha256sum`.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

const [folder] = process.argv.slice(2)
for (const name of (await readdir(folder)).sort()) {
  const sum = createHash('sha256').update(await readFile(path.join(folder, name))).digest('hex')
  console.log(`${sum}  ${name}`)
}
