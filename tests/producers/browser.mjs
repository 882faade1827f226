// Chromium: HAR files of Playwright, with frames embedded, attached, or in an archive, and `livetape record --cdp` and `live --cdp`.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import path from 'node:path'

import { chromium as engine } from 'playwright-core'

import { withServer } from '../support/livetape.mjs'
import { assertSame, comparable, info, livetape as run, start, until, withSite } from './shared.mjs'

/** Opens a page in a new browser, on this debugging port or on any; returns the browser and the address of the port. */
async function openBrowser({ chromium, folder }, url, port = 0) {
  // A browser that was killed leaves processes that still write to its own.
  const profile = await mkdtemp(path.join(folder, 'profile-'))
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', `--remote-debugging-port=${port}`]
  const browser = start(chromium, [...flags, `--user-data-dir=${profile}`, url])
  // It writes the file only if it chose the port.
  const readPort = () => readFile(path.join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '')
  const tabs = async () => (await fetch(`http://127.0.0.1:${port}/json/list`)).json()
  try {
    await until(() => `the tab of ${chromium}:\n${browser.lines.join('\n')}`, async () => {
      port ||= (await readPort()).split('\n')[0]
      return port && (await tabs().catch(() => [])).some((tab) => tab.url === url)
    })
    return { browser, port, address: `127.0.0.1:${port}` }
  } catch (error) {
    await browser.end('SIGKILL')
    throw error
  }
}

async function withBrowser(tools, url, act) {
  const opened = await openBrowser(tools, url)
  try {
    return await act(opened)
  } finally {
    await opened.browser.end('SIGKILL')
  }
}

/** Records the traffic between a page and the mock until `leave` ends it, then checks the exit code and the recording. */
export async function recordTab(tools, { socketUrl, played, frames, inWorker, leave }) {
  const { livetape, folder } = tools
  const recording = path.join(folder, `cdp-${inWorker ? 'worker' : 'page'}-${leave}.bin`)
  await rm(recording, { force: true })
  return withSite({ socketUrl, frames, inWorker }, (site) =>
    withBrowser(tools, site.url, async ({ address, browser }) => {
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

/** Collects the events of a server. */
async function subscribe(url) {
  const events = []
  const response = await fetch(`${url}/events?since=0`)
  const read = async () => {
    let rest = ''
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      events.push(...lines.filter(Boolean).map((line) => JSON.parse(line)))
    }
  }
  // The stream breaks off when the server ends.
  const ended = read().catch(() => {})
  return { events, ended }
}

/** Returns what is the same in an event that was served and in the replay of its recording: all but `replay`, `source` and numbers. */
const withoutReplay = ({ seq, stream, replay, ...event }) => JSON.stringify(event).replace(/"source":"(live|replay)"/, '')

/** Serves and records what a tab receives while its page is reloaded and crashes, and its browser is started again. */
export async function followTab(tools, { socketUrl, played, frames }) {
  const { livetape, folder } = tools
  const [served, recorded] = ['served', 'recorded'].map((name) => path.join(folder, `live-${name}.bin`))
  await Promise.all([served, recorded].map((file) => rm(file, { force: true })))
  return withSite({ socketUrl, frames }, async (site) => {
    let { browser, address, port } = await openBrowser(tools, site.url)
    const args = ['live', 'site_host', '--cdp', address, '--port', '0', '--record', served, '--log-level', 'info', '--max-attempts', '9']
    try {
      return await withServer(livetape, args, async ({ url, said, stop }) => {
        const attached = (times) => until(`${times} attachments`, () => said().split('Attached to the tab').length > times)
        const { events, ended } = await subscribe(url)
        const count = (type, is = () => true) => events.filter((event) => event.type === type && is(event.data)).length
        const connected = (times) => until(() => `${times} connections:\n${said()}`, () => count('connection_created') === times)
        const status = async () => (await fetch(`${url}/status`)).json()
        await attached(1)
        const recorder = start(livetape, ['record', 'site_host', '--cdp', address, '-o', recorded])
        await recorder.line('Press Ctrl+C')
        site.go()
        await site.isDone
        await until('the frames of both', async () => {
          const all = await Promise.all([served, recorded].map((file) => info(livetape, file)))
          return all.every((it) => (it?.framesReceived ?? 0) > frames)
        })
        recorder.child.kill('SIGINT')
        assert.equal(await recorder.ended, 0)
        const { source, username, state } = await status()
        assert.deepEqual([source, username, state], ['tab', 'site_host', 'connected'])

        const driver = await engine.connectOverCDP(`http://${address}`)
        const [page] = driver.contexts()[0].pages()
        await page.reload()
        await connected(2)
        assert.equal(count('connection_closed', ({ willRetry }) => willRetry), 1)
        const session = await driver.contexts()[0].newCDPSession(page)
        session.send('Page.crash').catch(() => {})
        await until(() => `the crash:\n${said()}`, () => count('error', ({ code, retrying }) => code === 'tab_lost' && retrying) === 1)
        session.send('Page.reload').catch(() => {})
        await connected(3)
        await driver.close()

        await browser.end('SIGKILL')
        await until(() => `the end of the browser:\n${said()}`, () => count('error', ({ code }) => code === 'tab_lost') === 2)
        assert.equal((await status()).state, 'retrying')
        site.hold()
        ;({ browser } = await openBrowser(tools, site.url, port))
        await attached(2)
        site.go()
        await connected(4)
        assert.equal(count('connection_closed', ({ willRetry }) => willRetry), 3)
        assert.equal(await stop(), 0, said())
        await ended

        assert.equal(comparable(events).join('\n'), comparable(await replayed(livetape, recorded)).join('\n'))
        const ours = events.map(withoutReplay)
        const theirs = (await replayed(livetape, served)).map(withoutReplay)
        ours.forEach((event, at) => assert.equal(theirs[at], event, `event ${at}`))
        await assertSame(livetape, recorded, played)
        return `${ours.length} events of 4 connections`
      })
    } finally {
      await browser.end('SIGKILL')
    }
  })
}

async function replayed(livetape, recording) {
  const { stdout } = await run(livetape, ['events', recording])
  return stdout.trim().split('\n').map((line) => JSON.parse(line))
}

/** Resolves when Playwright itself has seen this many frames. */
function framesReceived(page, count) {
  return new Promise((resolve) => {
    page.on('websocket', (socket) => socket.on('framereceived', () => --count || resolve()))
  })
}

/** Records a page that is connected to the mock, and returns the file. */
export async function recordHar({ chromium, folder }, { socketUrl, frames, content, ending }) {
  const har = path.join(folder, `playwright-${content}${ending === '.zip' ? '-zip' : ''}`, `show${ending}`)
  await rm(path.dirname(har), { recursive: true, force: true })
  // Closing the context writes the file.
  await withContext(chromium, { recordHar: { path: har, content } }, (context) => receive(context, { socketUrl, frames }))
  return har
}

/** Traces a page that is connected to the mock, and returns the file. */
export async function recordTrace({ chromium, folder }, { socketUrl, frames }) {
  const trace = path.join(folder, 'playwright-trace.zip')
  await withContext(chromium, {}, async (context) => {
    await context.tracing.start({ screenshots: true, snapshots: true })
    await receive(context, { socketUrl, frames })
    await context.tracing.stop({ path: trace })
  })
  return trace
}

/** Opens a browser and a context with these options, and closes both. */
async function withContext(chromium, options, act) {
  const browser = await engine.launch({ executablePath: chromium, args: ['--no-sandbox'] })
  try {
    const context = await browser.newContext(options)
    await act(context)
    await context.close()
  } finally {
    await browser.close()
  }
}

/** Opens a page in a context, and waits until it has received the show. */
function receive(context, { socketUrl, frames }) {
  return withSite({ socketUrl, frames }, async (site) => {
    const page = await context.newPage()
    // The extra frame is the answer to the heartbeat.
    const areTraced = framesReceived(page, frames + 1)
    await page.goto(site.url)
    site.go()
    // The page may receive frames before Playwright does, and the file only contains frames that Playwright saw before closing.
    await Promise.all([site.isDone, areTraced])
  })
}
