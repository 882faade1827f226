// `LIVETAPE_BIN=… node scripts/overhead.mjs [ROUNDS]`: how much longer `startTape` takes than the program's own start, in ms. Both in
// turns, because the machine may be busy.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { startTape } from '@livetape/testing'

const rounds = Number(process.argv[2] ?? 40)
const folder = mkdtempSync(path.join(os.tmpdir(), 'livetape-overhead-'))
const ready = path.join(folder, 'ready.json')

/** Starts the program and waits for its ready file. */
async function own() {
  const started = performance.now()
  const child = spawn(process.env.LIVETAPE_BIN, ['replay', 'demo', '--offline', '--quiet', '--port', '0', '--ready-file', ready, '--exit-with-stdin'], { stdio: ['pipe', 'ignore', 'ignore'] })
  for (;;) {
    try {
      readFileSync(ready)
      break
    } catch {
      await sleep(1)
    }
  }
  const took = performance.now() - started
  child.stdin.end()
  await new Promise((resolve) => child.on('close', resolve))
  rmSync(ready)
  return took
}

async function fixture() {
  const started = performance.now()
  const tape = await startTape()
  const took = performance.now() - started
  await tape.stop()
  return took
}

const times = { own: [], fixture: [] }
for (let round = 0; round < rounds; round++) {
  times.own.push(await own())
  times.fixture.push(await fixture())
}
rmSync(folder, { recursive: true })
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
const [program, tape] = [median(times.own), median(times.fixture)]
console.log(`program ${program.toFixed(1)} ms, startTape ${tape.toFixed(1)} ms, overhead ${(tape - program).toFixed(1)} ms (medians of ${rounds})`)
