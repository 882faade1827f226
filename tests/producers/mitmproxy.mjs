// Flows and HAR of mitmproxy, running between `livetape record` and the mock.

import { rm } from 'node:fs/promises'
import path from 'node:path'

import { info, start, until } from './shared.mjs'

/** Records a client through the proxy and returns the two files. */
export async function recordFlows({ livetape, mitmdump, folder }, { base, frames }) {
  const [flows, har, ours] = ['flows.mitm', 'mitmproxy.har', 'beside-mitmproxy.bin'].map((name) => path.join(folder, name))
  await Promise.all([flows, har, ours].map((file) => rm(file, { force: true })))
  const mode = ['--mode', `reverse:${base}`, '--listen-host', '127.0.0.1', '--listen-port', '0']
  const config = ['--set', `hardump=${har}`, '--set', `confdir=${path.join(folder, 'mitmproxy')}`]
  const proxy = start(mitmdump, ['-w', flows, ...mode, ...config], { env: { ...process.env, PYTHONUNBUFFERED: '1' } })
  try {
    const line = await proxy.line('listening at')
    const [, port] = line.match(/listening at .*:(\d+)/)
    const client = start(livetape, ['record', 'demo', '--upstream', `http://127.0.0.1:${port}`, '-o', ours])
    try {
      await until(`${frames} frames of\n${client.lines.join('\n')}`, async () => {
        return ((await info(livetape, ours))?.framesReceived ?? 0) >= frames
      })
    } finally {
      await client.end('SIGINT')
    }
  } finally {
    // The proxy writes both files when it exits.
    await proxy.end('SIGINT')
  }
  return [flows, har]
}
