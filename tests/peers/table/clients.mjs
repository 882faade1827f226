// The clients of the table. `note` states what fails, and why.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('..', import.meta.url))
const node = (program, ...args) => [process.execPath, path.join(here, program), ...args]

/** Returns the clients; `target` has those that are not in `node_modules`. */
export const clients = (target) => {
  const python = (folder, program) => [path.join(target, folder, 'bin/python'), path.join(here, program)]
  return [
    { name: 'tiktok-live-connector 1.2.3', licence: 'MIT', command: node('node-1.2.3.mjs') },
    { name: 'tiktok-live-connector 2.0.3', licence: 'MIT', command: node('node-2.0.3.mjs') },
    { name: 'tiktok-live-connector 2.0.7-beta1', licence: 'MIT', command: node('node-2.0.7.mjs', 'connector-207') },
    { name: 'tiktok-live-connector 2.1.0', licence: 'MIT', command: node('node-2.0.7.mjs', 'connector-210') },
    {
      name: 'tiktok-live-connector 2.5.0',
      licence: 'AGPL',
      command: node('node-2.5.0.mjs', path.join(target, 'peers-2.5.0/node_modules/tiktok-live-connector')),
    },
    { name: 'TikTokLive 5.0.8', licence: 'MIT', command: python('peers-5.0.8', 'python-5.0.8.py') },
    { name: 'TikTokLive 6.4.5', licence: 'MIT', command: python('peers-6.4.5', 'python.py') },
    { name: 'TikTokLive 6.6.5', licence: 'MIT', command: python('peers', 'python.py') },
    { name: 'TikTokLive 6.6.6', licence: 'AGPL', command: python('peers-6.6.6', 'python.py') },
    { name: 'TikTokLive 7.0.1', licence: 'AGPL', command: python('peers-7.0.1', 'python.py') },
    { name: 'piratetok-live-rs 0.5.0', licence: '0BSD', command: [path.join(target, 'peers-piratetok-rs/debug/livetape-peers-piratetok')] },
    { name: '@eulerstream/euler-websocket-sdk 0.0.6', licence: 'MIT', command: node('euler.mjs') },
  ]
}
