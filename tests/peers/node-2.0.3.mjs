// Runs the unmodified npm tiktok-live-connector 2.0.3: `node node-2.0.3.mjs <base URL> <user> [is-live|room]`.

import { load, run } from './peer.mjs'

const [base, user, order] = process.argv.slice(2)
const { TikTokLiveConnection } = load('connector-203', base)

await run(new TikTokLiveConnection(user), order, {
  chat: ({ event, comment }) => ({ id: event.msgId, comment }),
  gift: ({ event, giftId, repeatCount }) => ({ id: event.msgId, giftId, repeatCount }),
  member: ({ event }) => ({ id: event.msgId }),
  like: ({ event, likeCount }) => ({ id: event.msgId, likeCount }),
})
