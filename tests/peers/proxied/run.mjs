// `node run.mjs <livetape> <target folder>`, in a network namespace without routes: programs with fixed hosts reach the mock with only
// the environment of `livetape run --mock-proxy`, and ask for no other host.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { check, finish } from '../../support/checks.mjs'
import { withServer } from '../../support/livetape.mjs'
import { linesOf, printedBy } from '../mock.mjs'
import { LOOKUP, OTHER, programs, redirected, ROOM, SIGN, SOCKET } from './programs.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = path.join(here, '../../..')
const [livetape, target] = process.argv.slice(2).map((place) => path.resolve(place))
const PLAY = path.join(root, 'recordings/gifts.bin')
/** Time limit of a program, in ms. */
const PROGRAM_MS = 60_000
/** What curl returns if the network is unreachable. */
const CURL_UNREACHABLE = 7
/** Exit code of a Node program that would connect to TikTok itself. */
const NODE_ENDED = 78
const COUNTED = ['chat', 'gift', 'like', 'member']

const run = promisify(execFile)
const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-proxied-'))
const ca = path.join(folder, 'ca')

/** Runs a program behind the proxy of a new mock and returns its lines, and the hosts that the proxy refused. */
async function behindProxy([program, ...args], env) {
  const options = { cwd: here, env: { ...process.env, ...env }, timeout: PROGRAM_MS }
  const { stdout, stderr } = await run(livetape, ['run', PLAY, '--mock-proxy', '--ca-dir', ca, '--speed', '30', '--', program, ...args], options)
  const refused = [...stderr.matchAll(/refused ([^:\s]+):/g)].map(([, host]) => host)
  return { lines: stdout.trim().split('\n'), refused: [...new Set(refused)] }
}

async function checkProgram({ name, command, env, asksOther, ownHosts = [], wanted }) {
  await check(name, async () => {
    const { lines, refused } = await behindProxy(command, env)
    if (wanted) assert.deepEqual(lines, wanted(expected))
    else assert.deepEqual(countsIn(lines), expected.counts, lines.at(-1))
    assert.deepEqual(refused.filter((host) => !ownHosts.includes(host)), asksOther ? [new URL(OTHER).hostname] : [], 'hosts that the proxy refused')
    return wanted ? lines.join(', ') : `${expected.counts.join(', ')} ${COUNTED.join(', ')}`
  })
}

/** Runs a program whose hosts `/etc/hosts` redirects to a mock with TLS. Only this program sees that file: it has its own mount namespace. */
const checkRedirected = ({ name, command, wanted, counts }) => check(`${name}, hosts redirected`, async () => {
  const mock = ['mock', '--play', PLAY, '--speed', '30', '--port', '0', '--tls', '127.0.0.1:443', '--ca-dir', ca]
  const redirect = ['--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
  const trust = Object.fromEntries(['CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].map((variable) => [variable, path.join(folder, 'ca.pem')]))
  const { stdout } = await withServer(livetape, mock, () => {
    return run('unshare', [...redirect, ...command], { cwd: here, env: { ...process.env, ...trust }, timeout: PROGRAM_MS })
  })
  const lines = stdout.trim().split('\n')
  const [found, needed] = wanted ? [lines, wanted(expected)] : [countsIn(lines), counts(expected)]
  assert.deepEqual(found, needed, lines.at(-1))
  return found.join(', ')
})

const countsIn = (lines) => countsOf(lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)))
const countsOf = (events) => COUNTED.map((type) => events.filter((event) => event.type === type).length)

/** Without this check, an open network would hide requests that do not use the proxy. */
const checkIsolation = () => check('no other host can be reached', async () => {
  const direct = await run('curl', ['--silent', '--show-error', '--noproxy', '*', '--max-time', '5', 'https://192.0.2.1/']).catch((error) => error)
  assert.equal(direct.code, CURL_UNREACHABLE, `curl without a proxy: ${direct.stderr}`)
  return direct.stderr.trim()
})

await checkIsolation()
await check('Node without the proxy is ended before it connects', async () => {
  // In every version: `tls` never reads HTTPS_PROXY.
  const direct = ['--eval', `require('node:tls').connect(443, '${new URL(LOOKUP).hostname}').on('error', () => undefined)`]
  const { code, stderr } = await behindProxy([process.execPath, ...direct]).catch((error) => error)
  assert.deepEqual([code, stderr.includes(`before it reached the real ${new URL(LOOKUP).hostname}`)], [NODE_ENDED, true], stderr)
  return stderr.split('\n')[0]
})
await mkdir(path.join(folder, '.pki/nssdb'), { recursive: true })
await writeFile(path.join(folder, 'ca.pem'), await printedBy(livetape, ['ca', '--ca-dir', ca]))
const database = ['-d', `sql:${path.join(folder, '.pki/nssdb')}`]
await run('certutil', [...database, '-N', '--empty-password'])
await run('certutil', [...database, '-A', '-n', 'livetape', '-t', 'C,,', '-i', path.join(folder, 'ca.pem')])

const records = await linesOf(livetape, ['cat', PLAY, '--json'])
// The mock leaves out the recorded replies to heartbeats.
const frames = records.filter(({ type, payloadType }) => type === 'frame' && payloadType !== 'hb').length
const { roomId } = records.find((record) => record.roomId)
const events = await linesOf(livetape, ['events', PLAY, '--no-dedup', '--types', COUNTED.join()])
const expected = { room: roomId, frames, counts: countsOf(events), old: countsOf(events.filter(({ data }) => data.isHistory)) }
await Promise.all(programs({ target, home: folder, lookup: LOOKUP, sign: SIGN, socket: SOCKET, other: OTHER }).map(checkProgram))
const hosts = path.join(folder, 'hosts')
await writeFile(hosts, `127.0.0.1 localhost ${[LOOKUP, ROOM, SIGN, SOCKET].map((address) => new URL(address).hostname).join(' ')}\n`)
// One after the other, because all listen on port 443.
for (const program of redirected({ target, lookup: LOOKUP, sign: SIGN })) await checkRedirected(program)
await rm(folder, { recursive: true })
finish('all programs reach the mock')
