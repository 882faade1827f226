// Runs the unmodified npm tiktok-live-connector 2.5.0: `node node-2.5.0.mjs <package> <base URL> <user>`.

import { createRequire, syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'

import { run } from './peer.mjs'

const [name, base, user] = process.argv.slice(2)
process.env.SIGN_API_URL = base
// As in peer.mjs: decompressing synchronously keeps frames in order.
zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes))
syncBuiltinESMExports()
const { TikTokLiveConnection } = createRequire(import.meta.url)(name)

// It uses HTTPS for 127.0.0.1, but HTTP for 0.0.0.0.
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
