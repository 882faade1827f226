// `livetape test --suite room -- node bot.mjs <target folder> <client>`: runs a client as it is, and adds up what it emits.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { clients } from './clients.mjs'

const [target, wanted] = [path.resolve(process.argv[2]), process.argv[3]]
const { command: [program, ...args], ca } = clients(target).find(({ name }) => name === wanted)
const { HTTPS_PROXY, LIVETAPE_MOCK_URL } = process.env
const cwd = fileURLToPath(new URL('..', import.meta.url))
const child = spawn(program, [...args, ca ? HTTPS_PROXY : LIVETAPE_MOCK_URL, 'demo'], { cwd, stdio: ['pipe', 'pipe', 'inherit'] })

let [chats, likes] = [0, 0]
/** Ids of messages: a room can send one again, and a bot has to count it once. */
const seen = new Set()
const show = () => console.log(`chats: ${chats}\nlikes: ${likes}`)
show()
createInterface(child.stdout).on('line', (line) => {
  const { type, id, likeCount } = line.startsWith('{') ? JSON.parse(line) : {}
  if ((type !== 'chat' && type !== 'like') || seen.has(id)) return
  if (id && id !== '0') seen.add(id)
  if (type === 'chat') chats += 1
  else likes += likeCount
  show()
})
const [code] = await once(child, 'close')
process.exitCode = code ?? 1
