// Runs the unmodified npm tiktok-live-connector 2.0.7-beta1 or 2.1.0: `node node-2.0.7.mjs <package> <base URL> <user> [is-live|room]`.

import { load, run } from './peer.mjs'

const [name, base, user, order] = process.argv.slice(2)
const { TikTokLiveConnection } = load(name, base)

// By default ws emits all frames of a read at once, and uncompressed frames overtake compressed ones.
const options = { wsClientOptions: { allowSynchronousEvents: false } }

await run(new TikTokLiveConnection(user, options), order, {
  chat: ({ common, comment }) => ({ id: common.msgId, comment }),
  gift: ({ common, giftId, repeatCount }) => ({ id: common.msgId, giftId, repeatCount }),
  like: ({ common, likeCount }) => ({ id: common.msgId, likeCount }),
  member: ({ common }) => ({ id: common.msgId }),
})
