// npm tiktok-live-connector 2.0.7-beta1, unmodified: `node node-2.0.7.mjs <base URL> <user> [is-live|room]`.

import { load, run } from './peer.mjs'

const [base, user, order] = process.argv.slice(2)
const { TikTokLiveConnection } = load('connector-207', base)

// Without this, ws hands out all frames of one read at once, and a plain frame overtakes a zipped one.
const options = { wsClientOptions: { allowSynchronousEvents: false } }

await run(new TikTokLiveConnection(user, options), order, {
  chat: ({ common, comment }) => ({ id: common.msgId, comment }),
  gift: ({ common, giftId, repeatCount }) => ({ id: common.msgId, giftId, repeatCount }),
  like: ({ common, likeCount }) => ({ id: common.msgId, likeCount }),
})
