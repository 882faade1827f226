// `node run.mjs <livetape> <mitmdump> <chromium> <folder>`: runs real producers one after the other, each against its own mock.

import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'

import { withMock } from '../peers/mock.mjs'
import { check, finish } from '../support/checks.mjs'
import { followTab, recordHar, recordTab, recordTrace } from './browser.mjs'
import { recordFlows, recordHosts } from './mitmproxy.mjs'
import { SOCKET_PATH, assertSame, info, livetape as run, roomOf, until } from './shared.mjs'

const [livetape, mitmdump, chromium, folder] = process.argv.slice(2).map((file) => path.resolve(file))
const tools = { livetape, mitmdump, chromium, folder }
/** The recording that the mock plays: `recordings/<name>.bin`. */
const SHOW = 'gifts'
const played = path.join(import.meta.dirname, `../../recordings/${SHOW}.bin`)

/**
 * Runs `act` with the URLs that a page needs to join the room. With `ca`, sockets go to TikTok's host, through the proxy `mock`. `show` is a
 * recording and the number of its frames.
 */
function inRoom(act, ca, show = { played, frames }) {
  return withMock(livetape, { scenario: 'stays-open', play: show.played, ca }, async (base, said) => {
    const proxy = () => said().match(/Proxy for .* on (http:\S+)/)
    if (ca) await until('the address of the proxy', proxy)
    const mock = ca && proxy()[1]
    const sockets = ca ? 'wss://webcast-ws.tiktok.com' : base.replace('http', 'ws')
    const socketUrl = `${sockets}${SOCKET_PATH}?room_id=${await roomOf(base, 'demo')}&compress=gzip&msToken=planted`
    return act({ base, ca, mock, socketUrl, ...show })
  })
}

/** Playwright sometimes packs its zip before it has written the last frames, so archives get several tries. */
const ZIP_TRIES = 8

async function isWhole(capture) {
  const { stdout } = await run(livetape, ['import', capture, '-o', `${capture}.bin`, '--force'])
  return Number(stdout.match(/([\d,]+) frames/)?.[1].replaceAll(',', '')) >= frames
}

async function checkImport(name, capture, args = []) {
  await check(`${name}, imported`, async () => {
    const recording = `${capture}.bin`
    const user = (await info(livetape, played)).connections[0].user
    const { code, stdout, stderr } = await run(livetape, ['import', capture, '-o', recording, '--user', user, '--force', ...args])
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /[\d.]+ % decoded/)
    return `${await assertSame(livetape, recording, played)}; ${stdout.split('\n').slice(1, 4).join('; ')}`
  })
}

await mkdir(folder, { recursive: true })

/** Returns the number of frames that the mock plays: without recorded heartbeats. */
async function framesOf(recording) {
  const [, batches] = (await run(livetape, ['verify', recording])).stdout.match(/batches ([\d,]+)/)
  return Number(batches.replaceAll(',', ''))
}

const frames = await framesOf(played)
// The end of a LIVE ends `live`.
const endless = path.join(folder, 'endless.bin')
await run(livetape, ['cut', played, '--to', '2m30s', '-o', endless, '--force'])

for (const [content, ending] of [['embed', '.har'], ['attach', '.har'], ['attach', '.zip']]) {
  const name = `Playwright's HAR, ${content}${ending}`
  await check(name, async () => {
    let har
    let tries = ending === '.zip' ? ZIP_TRIES : 1
    do har = await inRoom((room) => recordHar(tools, { ...room, content, ending }))
    while (--tries > 0 && !(await isWhole(har)))
    await checkImport(name, har)
    return path.basename(har)
  })
}
await check("Playwright's trace", async () => {
  const trace = await inRoom((room) => recordTrace(tools, room))
  await checkImport("Playwright's trace", trace)
  return path.basename(trace)
})
await check("mitmproxy's files", async () => {
  const files = await inRoom((room) => recordFlows(tools, room))
  await checkImport("mitmproxy's flows", files[0])
  await checkImport("mitmproxy's HAR", files[1])
  return files.map((file) => path.basename(file)).join(', ')
})
await check('mitmproxy, limited to TikTok\'s hosts', async () => {
  const flows = await inRoom((room) => recordHosts(tools, room), path.join(folder, 'ca'))
  await checkImport('mitmproxy, limited to TikTok\'s hosts', flows)
  assert.ok(!(await readFile(`${flows}.bin`)).includes('planted'), 'the recording has a secret')
  return path.basename(flows)
})
for (const [inWorker, leave] of [[false, 'ctrl-c'], [true, 'ctrl-c'], [false, 'browser-gone']]) {
  await check(`record --cdp, ${inWorker ? 'a worker' : 'a page'}, ${leave}`, () => {
    return inRoom((room) => recordTab(tools, { ...room, inWorker, leave }))
  })
}
await check('live --cdp, a page that is reloaded and crashes, and a browser that is started again', async () => inRoom((room) => followTab(tools, room), undefined, { played: endless, frames: await framesOf(endless) }))
finish('all checks passed')
