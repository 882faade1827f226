// Processes: how livetape is found, starts and ends.

import { execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { startMock, startTape, withTape } from '@livetape/testing'
import { LIVETAPE, until } from '../../../tests/support/livetape.mjs'

const run = promisify(execFile)
const PACKAGE = fileURLToPath(new URL('..', import.meta.url))

/** A connection that ends with the server. A new one could reach another program, which has the port by then. */
async function connect({ http }) {
  const socket = net.connect(Number(new URL(http).port), '127.0.0.1').on('error', () => undefined).resume()
  const ended = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  return { ended }
}

let project
beforeAll(async () => {
  project = await mkdtemp(path.join(os.tmpdir(), 'livetape-test-'))
  await mkdir(path.join(project, 'node_modules/@livetape'), { recursive: true })
  await symlink(PACKAGE, path.join(project, 'node_modules/@livetape/testing'))
})
afterAll(() => rm(project, { recursive: true, force: true }))

/** Runs code as a module of the project. Returns its standard output. */
async function node(code, env = {}) {
  const all = { ...process.env, ...env }
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete all[name]
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', `import { startMock, startTape } from '@livetape/testing'\n${code}`], { cwd: project, env: all, timeout: 30_000 })
  return stdout.trim()
}

const SHOW_ERROR = 'await startTape().catch(({ code, message }) => console.log(code, message))'

/** Writes a program that says it is ready in its own way. */
async function fake(name, body) {
  const file = path.join(project, name)
  await writeFile(file, `#!${process.execPath}\nconst fs = require('node:fs')\nconst ready = process.argv[process.argv.indexOf('--ready-file') + 1]\n${body}`)
  await chmod(file, 0o755)
  return file
}

const fakeOfVersion = (apiVersion) =>
  fake(`version-${apiVersion}.cjs`, `fs.writeFileSync(ready, '{"ws":"ws://127.0.0.1:1/","http":"http://127.0.0.1:1","pid":1,"version":"9.9.9","apiVersion":${apiVersion}}'); process.stdin.resume()`)

describe('the program', () => {
  test('is LIVETAPE_BIN, and a missing one is reported with what to do', async () => {
    const found = await node(SHOW_ERROR, { LIVETAPE_BIN: '/no/livetape' })
    expect(found).toBe('not_installed cannot run /no/livetape: spawn /no/livetape ENOENT\n  hint: install livetape, or set LIVETAPE_BIN to the path of the program')
  })

  test('is found on the PATH without LIVETAPE_BIN', async () => {
    const bin = path.join(project, 'bin')
    await mkdir(bin)
    await symlink(LIVETAPE, path.join(bin, 'livetape'))
    const start = 'const tape = await startTape({ hold: true }); console.log(tape.url); await tape.stop()'
    expect(await node(start, { LIVETAPE_BIN: undefined, PATH: bin })).toMatch(/^ws:/)
    expect(await node(SHOW_ERROR, { LIVETAPE_BIN: undefined, PATH: '/no' })).toMatch(/^not_installed cannot run livetape: spawn livetape ENOENT/)
  })

  test('is that of the npm package livetape, before the PATH', async () => {
    const installed = path.join(project, 'node_modules/livetape')
    await mkdir(installed)
    await writeFile(path.join(installed, 'package.json'), '{"name":"livetape","version":"0.1.0"}')
    await writeFile(path.join(installed, 'index.js'), `exports.path = ${JSON.stringify(LIVETAPE)}`)
    expect(await node('const tape = await startTape({ hold: true }); console.log(tape.url); await tape.stop()', { LIVETAPE_BIN: undefined, PATH: '/no' })).toMatch(/^ws:/)
    await writeFile(path.join(installed, 'index.js'), 'throw new Error("@livetape/amiga-68k is not installed")')
    await expect(node(SHOW_ERROR, { LIVETAPE_BIN: undefined })).resolves.toBe(
      `not_installed @livetape/amiga-68k is not installed\n  hint: run \`npm install --save-dev FOLDER/livetape-${process.platform}-${process.arch}-0.1.0.tgz\`, where FOLDER contains the downloaded package`,
    )
    await rm(installed, { recursive: true })
  })

  test('of the npm package livetape explains a missing package of the platform in one line', async () => {
    const bin = fileURLToPath(new URL('../../livetape/bin/livetape.js', import.meta.url))
    const { code, stderr } = await run(process.execPath, [bin, '--version'], { cwd: project }).catch((error) => error)
    expect(stderr).toBe(`@livetape/${process.platform}-${process.arch} is not installed: install it together with livetape, in the same version\n`)
    expect(code).toBe(1)
  })

  test('that exits early is reported with its last lines', async () => {
    const starting = startTape({ recording: 'no/such.bin' })
    await expect(starting).rejects.toThrow(/^livetape replay no\/such\.bin exited with 1\nlast lines[^]*❌ recording no\/such\.bin not found/)
    await expect(starting).rejects.toMatchObject({ code: 'exited' })
  })

  test.each([[2, '@livetape/testing'], [0, 'livetape']])('with API version %d is refused, and the older of both named', async (apiVersion, older) => {
    const found = await node(SHOW_ERROR, { LIVETAPE_BIN: await fakeOfVersion(apiVersion) })
    expect(found).toBe(`wrong_version livetape 9.9.9 has API version ${apiVersion}, but this @livetape/testing needs 1\n  hint: install a newer ${older}`)
  })

  test('that is too old for the flags is reported with its last lines', async () => {
    const old = await fake('old.cjs', 'console.error("error: unexpected argument --ready-file"); process.exit(2)')
    expect(await node(SHOW_ERROR, { LIVETAPE_BIN: old })).toMatch(/exited with 2\nlast lines[^]*unexpected argument --ready-file/)
  })

  test('does not read settings of the user', async () => {
    await writeFile(path.join(project, 'livetape.toml'), 'nonsense')
    expect(await node('const tape = await startTape({ hold: true }); console.log(tape.url); await tape.stop()', { LIVETAPE_SPEED: 'nonsense', LIVETAPE_TOKEN: 'x' })).toMatch(/^ws:/)
    await rm(path.join(project, 'livetape.toml'))
  })
})

describe('the end', () => {
  test('is reached by programs without the proxy of the environment', async () => {
    const proxies = { NO_PROXY: 'corp.example', no_proxy: undefined }
    const code = "const tape = await startTape(); console.log(tape.env.NO_PROXY, tape.env.no_proxy); await tape.stop()"
    const hosts = 'corp.example,localhost,127.0.0.1,::1'
    expect(await node(code, proxies)).toBe(`${hosts} ${hosts}`)
    expect(await node(code, { NO_PROXY: '*', no_proxy: 'Localhost, ::1' })).toBe('* Localhost, ::1,127.0.0.1')
  })

  test('stop() ends the process', async () => {
    const tape = await startTape({ hold: true })
    const { ended } = await connect(tape)
    await tape.stop()
    await tape.stop()
    await ended
  })

  test('after stop(), every request says that the tape was stopped', async () => {
    const tape = await startTape({ hold: true, mock: {} })
    await tape.stop()
    const requests = [() => tape.waitForClients(1), () => tape.clients(), () => tape.finished(), () => tape.play(), () => tape.pause(), () => tape.seek(1), () => tape.step(), () => tape.drop(), () => tape.send.end()]
    for (const request of requests) await expect(request()).rejects.toMatchObject({ code: 'exited', message: 'the tape was stopped\n  hint: call `stop()` at the end of the test' })
    await expect(tape.mock.received()).rejects.toThrow('the mock was stopped')
    await expect(tape.mock.reset()).rejects.toThrow('the mock was stopped')
  })

  test('await using ends it too', async () => {
    const tape = await startTape({ hold: true })
    const { ended } = await connect(tape)
    await tape[Symbol.asyncDispose]()
    await ended
  })

  test('a server that ends in the middle of a test is reported with its last lines', async () => {
    const tape = await startTape({ hold: true })
    const finished = tape.finished()
    await fetch(`${tape.http}/shutdown`, { method: 'POST' })
    await expect(finished).rejects.toThrow(/exited with 0\nlast lines[^]*Shutting down/)
  })

  // A shell script instead of the program says which process to kill.
  describe.runIf(process.platform !== 'win32')('a server that is killed', () => {
    let pids
    beforeAll(async () => {
      pids = path.join(project, 'pids')
      const script = path.join(project, 'livetape.sh')
      await writeFile(script, `#!/bin/sh\necho $$ >> '${pids}'\nexec '${LIVETAPE}' "$@"\n`)
      await chmod(script, 0o755)
      vi.stubEnv('LIVETAPE_BIN', script)
    })
    afterAll(() => vi.unstubAllEnvs())
    const kill = async () => process.kill(Number((await readFile(pids, 'utf8')).trim().split('\n').at(-1)), 'SIGKILL')
    const DIED = { code: 'exited', message: expect.stringMatching(/was ended by SIGKILL\nlast lines[^]*Serving/) }

    test('fails the test, even if nothing asks it any more', async () => {
      await expect(withTape({ hold: true }, kill)).rejects.toMatchObject(DIED)
      const mock = await startMock()
      await kill()
      await expect(mock.stop()).rejects.toMatchObject({ code: 'exited' })
    })

    test('is reported once', async () => {
      const tape = await startTape({ hold: true })
      await kill()
      await expect(tape.clients()).rejects.toMatchObject(DIED)
      await tape.stop()
      const other = await startTape({ hold: true })
      await kill()
      await expect(other.stop()).rejects.toMatchObject(DIED)
      await other.stop()
    })
  })

  test('POST /shutdown is not a failure', async () => {
    await withTape({ hold: true }, (tape) => fetch(`${tape.http}/shutdown`, { method: 'POST' }))
  })

  test('a process that never stops its tape still exits', async () => {
    expect(await node('console.log((await startTape({ speed: "max" })).url); await startMock()')).toMatch(/^ws:/)
  })

  // On other systems, the same pipe ends with the process; only this way of listing processes is Linux's.
  test.runIf(process.platform === 'linux')('SIGKILL of the parent leaves no process and no folder', async () => {
    const temporary = path.join(project, 'tmp')
    await mkdir(temporary)
    const code = `import { startTape } from '@livetape/testing'; console.log((await startTape({ mock: {} })).url); setInterval(() => {}, 1e6)`
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: project, env: { ...process.env, TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => parent.stdout.once('data', resolve))
    const children = (await readFile(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8')).trim().split(' ').map(Number)
    expect(children).toHaveLength(2)
    parent.kill('SIGKILL')
    const isGone = async (pid) => !/^State:\s+[^Z]/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''))
    await until('both processes have ended', async () => (await Promise.all(children.map(isGone))).every(Boolean))
    expect(await readdir(temporary)).toEqual([])
  })
})

test('a worker whose test runner was killed ends its tapes, even if it lives on', async () => {
  const code = "import { startTape } from '@livetape/testing'; process.send((await startTape()).http); setInterval(() => {}, 1e6)"
  const file = path.join(project, 'worker.mjs')
  await writeFile(file, code)
  const worker = fork(file)
  const http = await new Promise((resolve) => worker.once('message', resolve))
  worker.disconnect()
  await until('the server has ended', () => fetch(http).then(() => false, () => true))
  expect(worker.exitCode).toBeNull()
  worker.kill('SIGKILL')
})

test('tapes run in parallel, each with its own port and events', async () => {
  const tapes = await Promise.all(Array.from({ length: 6 }, () => startTape({ hold: true })))
  expect(new Set(tapes.map(({ url }) => url)).size).toBe(6)
  await Promise.all(tapes.map(({ send }, i) => send.like({ user: 'ann', count: 15 * i + 1 })))
  expect(tapes.map((tape) => tape.count('like'))).toEqual([1, 2, 3, 4, 5, 6])
  await Promise.all(tapes.map((tape) => tape.stop()))
})
