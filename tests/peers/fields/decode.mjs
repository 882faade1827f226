// Decodes messages with the unmodified npm tiktok-live-connector 2.5.0: `node decode.mjs <package>`. Each line on stdin has a method and a
// payload in base64; each on stdout what the client emits for it, `null` for a method that it does not know, or `false` if it fails.

import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const connector = createRequire(import.meta.url)(process.argv[2])

function decoded(method, payload) {
  try {
    return connector.deserializeMessage(method, Buffer.from(payload, 'base64'))
  } catch (error) {
    return error instanceof connector.InvalidSchemaNameError ? null : false
  }
}

/** Maps have no JSON of their own, and 64-bit numbers may be `bigint`. */
const plain = (_, value) => (value instanceof Map ? Object.fromEntries(value) : typeof value === 'bigint' ? String(value) : value)

for await (const line of createInterface({ input: process.stdin })) {
  const { method, payload } = JSON.parse(line)
  process.stdout.write(`${JSON.stringify(decoded(method, payload), plain)}\n`)
}
