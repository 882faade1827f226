// `@livetape/node` in other people's projects: ES modules, CommonJS and strict TypeScript, under each supported version of Node.

import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'

/** Versions of Node, as packages of the tools. */
const VERSIONS = ['node-20', 'node-22']
/** Counts the gifts of a show, and gets an answer from a handler. */
const USE = `async function main() {
  const app = createApp({ replay: 'demo', speed: 'max' })
  app.websocket('/chat', { onMessage: (socket, message) => socket.send(\`you said \${message}\`) })
  const events = app.events({ types: ['gift', 'disconnected'] })
  const { port } = await app.listen()
  let gifts = 0
  for await (const event of events) {
    if (event.type === 'disconnected') break
    gifts += event.data.repeatDelta
  }
  const socket = new WebSocket(\`ws://127.0.0.1:\${port}/chat\`)
  socket.onopen = () => socket.send('hello')
  const answer = await new Promise((resolve) => { socket.onmessage = ({ data }) => resolve(data) })
  const metrics = await fetch(\`http://127.0.0.1:\${port}/metrics\`)
  console.log(JSON.stringify([gifts, answer, metrics.status, process.versions.node.split('.')[0]]))
  socket.close()
  await app.close()
}
main()
`
const MODULES = {
  'addon.mjs': "import { createApp } from '@livetape/node'\nimport { WebSocket } from 'ws'\n",
  'addon.cjs': "const { createApp } = require('@livetape/node')\nconst { WebSocket } = require('ws')\n",
}
const TYPED = `import { createApp, type App, type LivetapeError, type Socket } from '@livetape/node'
export const app: App = createApp({ replay: 'demo' })
app.websocket('/chat', { onMessage: (socket: Socket, message) => socket.send(message), onError: (_, { code }: LivetapeError) => console.error(code) })
export const gifts = async (): Promise<string[]> => {
  const names: string[] = []
  for await (const { data } of app.events({ types: ['gift'] })) names.push(data.giftName)
  return names
}
`

/** Adds the tests; `project` is a folder in which all packages are installed. */
export async function addon({ project, run, tools }) {
  const gifts = async () => {
    const { stdout } = await run(path.join(project, 'node_modules/.bin/livetape'), ['events', 'demo', '--types', 'gift'])
    return stdout.trim().split('\n').map((line) => JSON.parse(line)).reduce((sum, { data }) => sum + data.repeatDelta, 0)
  }

  for (const version of VERSIONS) {
    for (const [name, imports] of Object.entries(MODULES)) {
      test(`@livetape/node runs in ${version} from ${name}`, async () => {
        await writeFile(path.join(project, name), imports + USE)
        const { stdout, stderr } = await run(path.join(tools, 'node_modules', version, 'bin/node'), [name], project)
        assert.deepEqual(JSON.parse(stdout), [await gifts(), 'you said hello', 200, version.split('-')[1]], stderr)
      })
    }
  }

  test('@livetape/node compiles in strict TypeScript, in both module systems', async () => {
    const names = ['addon-types.mts', 'addon-types.cts']
    for (const name of names) await writeFile(path.join(project, name), TYPED)
    await mkdir(path.join(project, 'node_modules/@types'), { recursive: true })
    for (const name of ['@types/node', 'undici-types']) await symlink(path.join(tools, 'node_modules', name), path.join(project, 'node_modules', name))
    const strict = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--noEmit', '--target', 'es2022', '--lib', 'es2022', '--types', 'node']
    const { stdout } = await run('node', [path.join(tools, 'node_modules/typescript/bin/tsc'), '--module', 'nodenext', ...strict, ...names], project).catch((error) => error)
    assert.equal(stdout, '')
  })
}
