// npm tiktok-live-connector 2.5.0, unmodified: `node node-2.5.0.mjs <package> <base URL> <user>`.

import { createRequire, syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'

import { run } from './peer.mjs'

const [name, base, user] = process.argv.slice(2)
process.env.SIGN_API_URL = base
// As in peer.mjs: at once, and so in order.
zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes))
syncBuiltinESMExports()
const { TikTokLiveConnection } = createRequire(import.meta.url)(name)

// It asks 127.0.0.1 by HTTPS, and 0.0.0.0 by HTTP.
const host = `0.0.0.0:${new URL(base).port}`
const options = {
  enableExtendedGiftInfo: true,
  webConfigOverrides: { TIKTOK_HOST_WEB: host, TIKTOK_HOST_WEBCAST: host },
  wsClientOptions: { allowSynchronousEvents: false },
}

await run(new TikTokLiveConnection(user, options), undefined, {
  chat: ({ common, content }) => ({ id: common.msgId, comment: content }),
  gift: ({ common, giftId, repeatCount }) => ({ id: common.msgId, giftId: Number(giftId), repeatCount }),
  like: ({ common, count }) => ({ id: common.msgId, likeCount: count }),
  member: ({ common }) => ({ id: common.msgId }),
})
