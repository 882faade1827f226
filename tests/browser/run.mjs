// `node run.mjs <livetape> <folder for screenshots> [names]`: checks the dashboard and the pages beside it in Chromium. Prints one line per check.

import { mkdir } from 'node:fs/promises'
import path from 'node:path'

import { chromium } from 'playwright-core'

import { chromiumWith } from '../support/livetape.mjs'
import { busy, feed, hostile, resume } from './feed.mjs'
import { connect, rooms } from './first.mjs'
import { looks, names } from './looks.mjs'
import { addresses, origins } from './origins.mjs'
import { gone, navigation, overlays, rush, saved, show } from './overlays.mjs'
import { CONTROLS } from './page.mjs'
import { panes } from './panes.mjs'
import { drops, inject, recordings, token } from './recordings.mjs'
import { report } from './report.mjs'
import { share } from './share.mjs'
import { idle, lookup, mock, nodes, restart, source, stay } from './source.mjs'
import { elsewhere, held, marks, played, transport } from './transport.mjs'

// Short checks come last, so that all lanes end at about the same time.
const CHECKS = { connect, addresses, rooms, report, overlays, saved, show, navigation, feed, transport, panes, marks, played, recordings, drops, inject, looks, names, share, source, lookup, idle, mock, restart, gone, nodes, token, origins, hostile, resume, held, elsewhere, stay, busy, rush }
/** Checks that measure frames: they run alone, after all others. */
const MEASURED = ['busy', 'rush']
/** Checks that run at once; they mostly wait for pages and servers. */
const LANES = 3
/** Controls that no check can use, with the reason. */
const EXCEPTIONS = { 'key …': 'stands for the digits between 0 and 9' }
/** Timeout of a check, in ms. */
const CHECK_MS = 5 * 60_000

const [program, folder, ...only] = process.argv.slice(2)
const [livetape, pictures] = [path.resolve(program), path.resolve(folder)]
await mkdir(pictures, { recursive: true })
let failures = 0

/** Runs the checks of a queue, which may be shared, in a browser of its own. */
async function run(queue) {
  // `overlay.example` stands for another site. A page that `DASHBOARD` replaces counts as one from the internet, which must not open sockets
  // to this machine.
  const browser = await chromium.launch(chromiumWith('--disable-features=LocalNetworkAccessChecks', '--host-resolver-rules=MAP overlay.example 127.0.0.1'))
  for (const name of queue) {
    const late = AbortSignal.timeout(CHECK_MS)
    const began = performance.now()
    try {
      const limit = new Promise((_, reject) => late.addEventListener('abort', () => reject(new Error(`timed out after ${CHECK_MS} ms`))))
      const found = await Promise.race([CHECKS[name]({ browser, livetape, pictures }), limit])
      console.log(`ok   ${name} (${((performance.now() - began) / 1000).toFixed(1)} s): ${found}`)
    } catch (error) {
      failures += 1
      console.log(`FAIL ${name}: ${error.stack}`)
      const pages = browser.contexts().flatMap((context) => context.pages())
      const shots = pages.map((page, index) => page.screenshot({ path: path.join(pictures, `failed-${name}-${index}.png`), timeout: 5000 }))
      await Promise.allSettled(shots)
    }
    // Pages that a failed check left open would disturb the next check.
    await Promise.all(browser.contexts().map((context) => context.close()))
  }
  await browser.close()
}

const unknown = only.filter((name) => !Object.hasOwn(CHECKS, name))
if (unknown.length > 0) {
  console.log(`unknown checks: ${unknown.join(', ')}; choose from ${Object.keys(CHECKS).join(', ')}`)
  process.exit(1)
}
const wanted = Object.keys(CHECKS).filter((name) => only.length === 0 || only.includes(name))
const shared = wanted.filter((name) => !MEASURED.includes(name)).values()
await Promise.all(Array.from({ length: LANES }, () => run(shared)))
await run(wanted.filter((name) => MEASURED.includes(name)))
// A control that no check uses is a control that nobody tests. Failed checks, and those that did not run, leave some unused.
if (failures === 0 && only.length === 0) {
  const unused = [...CONTROLS.seen].filter((kind) => !CONTROLS.used.has(kind) && !Object.hasOwn(EXCEPTIONS, kind)).sort()
  if (unused.length > 0 || CONTROLS.used.size === 0) failures += 1
  console.log(failures === 0 ? `ok   controls: ${CONTROLS.seen.size} kinds, each used` : `FAIL controls: unused\n  ${unused.join('\n  ')}`)
}
console.log(failures === 0 ? `all checks passed; screenshots are in ${path.relative('', pictures)}` : `${failures} checks failed`)
process.exit(failures === 0 ? 0 : 1)
