// Counts what viewers do in a LIVE.

import { createWebSocketClient } from '@livetape/client'

export class Bot {
  /** `client.connect()` connects it. A broken connection is opened again after up to 5 s, until the server rejects the bot or closes with 1000. */
  constructor({ url, token, onEvent = () => {} }) {
    this.startOver()
    // Without `types`, every event moves the position, so a reconnect always resumes where the connection broke.
    this.client = createWebSocketClient({
      url,
      token,
      maxReconnectAttempts: Infinity,
      maxReconnectDelay: 5000,
      onStartOver: () => this.startOver(),
      onEvent,
      onError: ({ message, hint }) => console.error(message, hint ?? ''),
    })
    this.client.on('event:chat', () => (this.totals.chats += 1))
    this.client.on('event:gift', ({ data }) => this.count(data))
    // Not `totalLikeCount`, which TikTok only estimates.
    this.client.on('event:like', ({ data }) => (this.totals.likes += data.likeCount))
    this.client.on('event:social', ({ data }) => (this.totals.follows += data.action === 'follow' ? 1 : 0))
  }

  /** A replay starts over with each lap or seek. */
  startOver() {
    this.totals = { chats: 0, gifts: 0, diamonds: 0, likes: 0, follows: 0 }
    this.gifters = new Map()
  }

  /** A streak sends several events. Each reports only what it adds. */
  count({ sender, repeatDelta, diamonds }) {
    this.totals.gifts += repeatDelta
    this.totals.diamonds += diamonds
    // TikTok sometimes leaves out who sent a gift.
    if (sender) this.gifters.set(sender, (this.gifters.get(sender) ?? 0) + diamonds)
  }

  /** The viewer who gave the most diamonds; of several, the one who gave first. */
  get topGifter() {
    let [top, most] = ['', -1]
    for (const [name, diamonds] of this.gifters) if (diamonds > most) [top, most] = [name, diamonds]
    return top
  }

  toString() {
    const totals = Object.entries({ ...this.totals, top_gifter: this.topGifter })
    return totals.map(([name, total]) => `${name}: ${total}`).join(' ')
  }
}
