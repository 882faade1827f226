// `node decode.mjs <package> <frames>`: decodes frames to JSON with the unmodified npm tiktok-live-connector 2.5.0 in a folder, for
// `cargo xtask bench decode`.
//
// In the file, each frame follows its length (32 bits, little-endian). Each line on stdin is a number of passes over all frames. The
// answer is a line with the CPU time of all threads, in ms.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const main = createRequire(import.meta.url).resolve(process.argv[2])
const { deserializeWebSocketMessage } = await import(pathToFileURL(main))

const file = readFileSync(process.argv[3])
const frames = []
for (let at = 0; at < file.length; ) {
  const length = file.readUInt32LE(at)
  frames.push(file.subarray(at + 4, at + 4 + length))
  at += 4 + length
}

async function pass() {
  let bytes = 0
  for (const frame of frames) {
    const { protoMessageFetchResult } = await deserializeWebSocketMessage(frame)
    for (const { decodedData } of protoMessageFetchResult?.messages ?? []) {
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
