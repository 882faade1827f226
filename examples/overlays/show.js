// The ten-second show of the setup page, in the words of `POST /inject`.

'use strict'

const person = (uniqueId, nickname) => ({ uniqueId, nickname })
const [ANN, SAKURA, NAJMA, BOB] = [person('ann', 'Ann ♥'), person('sakura', 'さくら🌸'), person('najma', 'نجمة الليل'), person('bob', 'Bob with a name of 40 characters or more')]
const HOSTS = { user: person('host', 'Mira'), opponent: person('rival', '대니 Danny') }

/** What the buttons test: a label, and a request. */
const TESTS = {
  gift: ['Gift', { type: 'gift', user: BOB, gift: 'Galaxy', diamonds: 1000 }],
  streak: ['Streak of gifts', { type: 'gift', user: ANN, gift: 'Rose', count: 12, combo: true }],
  follow: ['Follow', { type: 'follow', user: SAKURA }],
  subscribe: ['Subscription', { type: 'subscribe', user: NAJMA, months: 3 }],
  share: ['Share', { type: 'share', user: BOB }],
  chat: ['Chat', { type: 'chat', user: ANN, comment: 'This is a test 🎶' }],
  like: ['Likes', { type: 'like', user: SAKURA, count: 15 }],
  viewers: ['Viewers', { type: 'room_user', viewerCount: 1284 }],
  battle: ['Start of a battle', { type: 'battle', ...HOSTS }],
  points: ['Points', { type: 'battle', ...HOSTS, points: 1240, opponentPoints: 980 }],
  over: ['End of the battle', { type: 'battle', ...HOSTS, points: 2360, opponentPoints: 2105, over: true }],
}

/** How long a round takes, in ms. */
const ROUND_MS = 10_000
/** A round: after how many seconds, what, and how it differs. */
const SHOW = [
  [0, 'viewers', { viewerCount: 1271 }],
  [0, 'battle'],
  [0, 'chat', { comment: 'Hello from Lisbon! Love the new song 🎶' }],
  [0, 'chat', { user: SAKURA, comment: 'はじめまして！歌が上手ですね' }],
  [0, 'chat', { user: NAJMA, comment: 'أهلا وسهلا (abc) 123!' }],
  [0, 'streak'],
  [1, 'points', { points: 120, opponentPoints: 380 }],
  [1, 'like'],
  [1.5, 'chat', { user: BOB, comment: 'first time here' }],
  [2, 'follow'],
  [3, 'gift', { user: NAJMA, gift: 'Perfume', diamonds: 20, count: 5 }],
  [3, 'points', { points: 760, opponentPoints: 640 }],
  [4, 'chat', { user: SAKURA, comment: '🎉🎉🎉' }],
  [4, 'viewers', { viewerCount: 1302 }],
  [5, 'subscribe'],
  [5, 'points'],
  [6, 'share'],
  [6, 'like', { user: BOB }],
  [6.5, 'chat', { comment: 'A long comment, as viewers write when they have a lot to say and no time to say it briefly' }],
  [7, 'gift'],
  [8, 'over'],
  [8, 'viewers', { viewerCount: 1297 }],
  [9, 'chat', { user: NAJMA, comment: 'GG' }],
]

const HOST_IDS = { host: '1', rival: '2' }
/** How long it takes from a gift of a streak to the next, in ms. */
const STREAK_MS = 80
let made = 0

/** The events of a request, as the feed has them, each with its delay in ms. */
function eventsOf({ type, user, opponent, count = 1, ...more }) {
  made += 1
  const timestamp = new Date().toISOString()
  const event = (type, data, after = 0) => [after, { type, username: 'host', stream: 'show', seq: made, ts: timestamp, data: { timestamp, sender: user?.uniqueId, user: user && { ...user, userId: user.uniqueId }, ...data } }]
  if (type === 'gift') {
    const gift = (repeatCount, repeatDelta, index) => event('gift', { giftName: more.gift, diamondCount: more.diamonds ?? 1, repeatCount, repeatDelta, diamonds: repeatDelta * (more.diamonds ?? 1), streakId: `${made}`, isFinal: repeatCount === count }, index * STREAK_MS)
    return more.combo ? Array.from({ length: count }, (_, index) => gift(index + 1, 1, index)) : [gift(count, count, 0)]
  }
  if (type === 'battle') {
    const { over, points = 0, opponentPoints = 0 } = more
    const users = [[user, points], [opponent, opponentPoints]].map(([host, points]) => ({ ...host, userId: HOST_IDS[host.uniqueId], points }))
    return [event('battle', { battleId: 'show', action: over ? 5 : 4, startedAt: timestamp, durationSeconds: 300, users })]
  }
  if (type === 'follow' || type === 'share') return [event('social', { action: type })]
  if (type === 'room_user') return [event(type, { ...more, totalUserCount: 9977 })]
  return [event(type, { ...more, likeCount: count, subMonth: more.months })]
}
