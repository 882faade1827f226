// `livetape record --cdp` with a real browser.

import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'

import { assertSame, info, livetape as run, start, until, withSite } from './shared.mjs'

/** Opens a page in a browser and calls `act` with the browser's debugging address. */
async function withBrowser({ chromium, folder }, url, act) {
  const profile = path.join(folder, 'profile')
  await rm(profile, { recursive: true, force: true })
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0']
  const browser = start(chromium, [...flags, `--user-data-dir=${profile}`, url])
  const readPort = () => readFile(path.join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '')
  try {
    let port
    await until(`a port of ${chromium}:\n${browser.lines.join('\n')}`, async () => {
      port = (await readPort()).split('\n')[0]
      return port !== ''
    })
    return await act(`127.0.0.1:${port}`, browser)
  } finally {
    await browser.end('SIGKILL')
  }
}

/** Records the traffic between a page and the mock until `leave` ends it, then checks the exit code and the recording. */
export async function recordTab(tools, { socketUrl, played, frames, inWorker, leave }) {
  const { livetape, folder } = tools
  const recording = path.join(folder, `cdp-${inWorker ? 'worker' : 'page'}-${leave}.bin`)
  await rm(recording, { force: true })
  return withSite({ socketUrl, frames, inWorker }, (site) =>
    withBrowser(tools, site.url, async (address, browser) => {
      await until('the tab', async () => {
        const tabs = await (await fetch(`http://${address}/json/list`)).json()
        return tabs.some(({ url }) => url === site.url)
      })
      const recorder = start(livetape, ['record', '--cdp', address, '-o', recording])
      await recorder.line('Press Ctrl+C')
      site.go()
      await site.isDone
      // The browser reports frames with a short delay.
      await until(`${frames} frames`, async () => ((await info(livetape, recording))?.framesReceived ?? 0) > frames)
      if (leave === 'ctrl-c') recorder.child.kill('SIGINT')
      else browser.child.kill('SIGKILL')
      const code = await recorder.ended
      const said = recorder.lines.join('\n')
      assert.equal(code, leave === 'ctrl-c' ? 0 : 1, said)
      await until(`events to be shown:\n${said}`, () => recorder.lines.some((line) => line.includes('💬')))
      assert.ok((await info(livetape, recording)).sealed, 'the recording is sealed')
      const bytes = await readFile(recording)
      assert.ok(!bytes.includes('planted'), 'no secret is recorded')
      assert.ok(bytes.includes('/webcast/room/info/'), 'the request for the room is recorded')
      const { stdout } = await run(livetape, ['events', recording, '--types', 'connection_created'])
      assert.equal(JSON.parse(stdout.split('\n')[0]).username, 'site_host')
      return assertSame(livetape, recording, played)
    }),
  )
}
