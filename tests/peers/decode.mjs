// `node decode.mjs <frames>`: npm tiktok-live-connector 2.0.3, unmodified, from frames to JSON, for `cargo xtask bench decode`.
//
// The file holds frames, each behind its length (32 bits, little-endian). Each line on stdin asks for so many passes over
// all of them; the answer is a line with the milliseconds of processor time that they took, of all threads.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const { deserializeWebSocketMessage } = createRequire(import.meta.url)('connector-203/dist/lib/utilities')

const file = readFileSync(process.argv[2])
const frames = []
for (let at = 0; at < file.length; ) {
  const length = file.readUInt32LE(at)
  frames.push(file.subarray(at + 4, at + 4 + length))
  at += 4 + length
}

async function pass() {
  let bytes = 0
  for (const frame of frames) {
    const { webcastResponse } = await deserializeWebSocketMessage(frame)
    for (const { decodedData } of webcastResponse?.messages ?? []) {
      if (decodedData) bytes += JSON.stringify(decodedData).length
    }
  }
  if (bytes === 0) throw new Error('nothing was decoded')
}

for await (const line of createInterface({ input: process.stdin })) {
  const started = process.cpuUsage()
  for (let left = Number(line); left > 0; left -= 1) await pass()
  const { user, system } = process.cpuUsage(started)
  console.log((user + system) / 1e3)
}
