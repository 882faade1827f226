// npm tiktok-live-connector 2.0.7-beta1 or 2.1.0, unmodified: `node node-2.0.7.mjs <package> <base URL> <user> [is-live|room]`.

import { load, run } from './peer.mjs'

const [name, base, user, order] = process.argv.slice(2)
const { TikTokLiveConnection } = load(name, base)

// Without this, ws hands out all frames of one read at once, and a plain frame overtakes a zipped one.
const options = { wsClientOptions: { allowSynchronousEvents: false } }

await run(new TikTokLiveConnection(user, options), order, {
  chat: ({ common, comment }) => ({ id: common.msgId, comment }),
  gift: ({ common, giftId, repeatCount }) => ({ id: common.msgId, giftId, repeatCount }),
  like: ({ common, likeCount }) => ({ id: common.msgId, likeCount }),
  member: ({ common }) => ({ id: common.msgId }),
})
