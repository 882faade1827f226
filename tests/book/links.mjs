// `node links.mjs <folder>`: checks that every relative link of the book leads to a file, and to an element of it.

import { readFile, readdir, stat } from 'node:fs/promises'
import path from 'node:path'

const root = path.resolve(process.argv[2])
const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.html') && !/^(print|toc|404)\.html$/.test(name))
const idsOf = new Map()

async function ids(file) {
  if (!idsOf.has(file)) {
    const html = await readFile(file, 'utf8')
    idsOf.set(file, new Set([...html.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => id)))
  }
  return idsOf.get(file)
}

let links = 0
const broken = []
for (const name of files) {
  const html = await readFile(path.join(root, name), 'utf8')
  const main = /<main>([\s\S]*)<\/main>/.exec(html)?.[1] ?? ''
  // Code only looks like links.
  const text = main.replaceAll(/<code[^>]*>[\s\S]*?<\/code>/g, '')
  for (const [, href] of text.matchAll(/\b(?:href|src)="([^"]*)"/g)) {
    if (/^[a-z]+:/.test(href)) continue
    links += 1
    const [target, anchor] = href.replaceAll('&amp;', '&').split('#')
    const file = target === '' ? path.join(root, name) : path.resolve(root, path.dirname(name), decodeURIComponent(target))
    const found = await stat(file).catch(() => undefined)
    const leads = found && (!anchor || !file.endsWith('.html') || (await ids(file)).has(decodeURIComponent(anchor)))
    if (!leads) broken.push(`${name}: ${href}`)
  }
}
for (const line of broken) console.error(line)
if (files.length < 40 || links < 500) throw new Error(`only ${files.length} pages with ${links} links`)
console.log(`${files.length} pages, ${links} links, ${broken.length} broken`)
process.exit(broken.length > 0 ? 1 : 0)
