// mitmproxy between a client and the mock: before `livetape record`, and as the documentation shows it, before a browser.

import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'

import { chromium as engine } from 'playwright-core'

import { info, start, until, withSite } from './shared.mjs'

const documentation = path.join(import.meta.dirname, '../../docs/import.md')

/** Runs `act` with the port of a mitmproxy that has its files in `folder`. It writes its captures when it ends. */
async function withMitmproxy({ mitmdump, folder }, args, act) {
  const config = ['--listen-host', '127.0.0.1', '--listen-port', '0', '--set', `confdir=${path.join(folder, 'mitmproxy')}`]
  const proxy = start(mitmdump, [...args, ...config], { env: { ...process.env, PYTHONUNBUFFERED: '1' } })
  try {
    const line = await proxy.line('listening at')
    return await act(Number(line.match(/listening at .*:(\d+)/)[1]))
  } finally {
    await proxy.end('SIGINT')
  }
}

/** Records a client through the proxy and returns the two files. */
export async function recordFlows(tools, { base, frames }) {
  const { livetape, folder } = tools
  const [flows, har, ours] = ['flows.mitm', 'mitmproxy.har', 'beside-mitmproxy.bin'].map((name) => path.join(folder, name))
  await Promise.all([flows, har, ours].map((file) => rm(file, { force: true })))
  await withMitmproxy(tools, ['-w', flows, '--mode', `reverse:${base}`, '--set', `hardump=${har}`], async (port) => {
    const client = start(livetape, ['record', 'demo', '--upstream', `http://127.0.0.1:${port}`, '-o', ours])
    try {
      await until(() => `${frames} frames of\n${client.lines.join('\n')}`, async () => {
        return ((await info(livetape, ours))?.framesReceived ?? 0) >= frames
      })
    } finally {
      await client.end('SIGINT')
    }
  })
  return [flows, har]
}

/** Returns the arguments of the documentation's mitmdump, with `file` as its output. */
async function documented(file) {
  const [, args] = (await readFile(documentation, 'utf8')).match(/^\$ mitmdump -w show\.mitm (.+)$/m)
  return ['-w', file, ...args.split(' ').map((arg) => arg.replaceAll("'", ''))]
}

/**
 * Captures a browser that reaches TikTok's hosts through mitmproxy, as the documentation shows it. Behind mitmproxy, the proxy of the mock
 * answers for these hosts.
 */
export async function recordHosts(tools, { ca, mock, socketUrl, frames }) {
  const flows = path.join(tools.folder, 'hosts.mitm')
  await rm(flows, { force: true })
  const upstream = ['--mode', `upstream:${mock}`, '--set', `ssl_verify_upstream_trusted_ca=${path.join(ca, 'ca.pem')}`]
  await withMitmproxy(tools, [...(await documented(flows)), ...upstream], async (port) => {
    await withSite({ socketUrl, frames }, async (site) => {
      const proxy = { server: `http://127.0.0.1:${port}`, bypass: '127.0.0.1' }
      const browser = await engine.launch({ executablePath: tools.chromium, args: ['--no-sandbox'], proxy })
      try {
        const context = await browser.newContext({ ignoreHTTPSErrors: true })
        await (await context.newPage()).goto(site.url)
        site.go()
        await site.isDone
      } finally {
        await browser.close()
      }
    })
  })
  return flows
}
