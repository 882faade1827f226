// Runs the unmodified npm tiktok-live-connector 1.2.3: `node node-1.2.3.mjs <base URL> <user>`.

import { createRequire } from 'node:module'
import zlib from 'node:zlib'

import { run } from './peer.mjs'

const [base, user] = process.argv.slice(2)
const require = createRequire(import.meta.url)
// As in peer.mjs: decompressing synchronously keeps frames in order.
zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes))
Object.assign(require('connector-123/dist/lib/webcastConfig'), { TIKTOK_URL_WEB: `${base}/`, TIKTOK_URL_WEBCAST: `${base}/webcast/` })
const { WebcastPushConnection, signatureProvider } = require('connector-123')
// Without this, it would ask the public sign servers if the mock refuses.
Object.assign(signatureProvider.config, { signProviderHost: `${base}/`, signProviderFallbackHosts: [] })

await run(new WebcastPushConnection(user), undefined, {
  chat: ({ msgId, comment }) => ({ id: msgId, comment }),
  gift: ({ msgId, giftId, repeatCount }) => ({ id: msgId, giftId, repeatCount }),
  like: ({ msgId, likeCount }) => ({ id: msgId, likeCount }),
  member: ({ msgId }) => ({ id: msgId }),
})
