// Type tests, checked by tsc: what an editor shows to users of the package.

import { createWebSocketClient, RNodeWebSocketClient, type GiftEvent, type LivetapeEvent } from '../src/index.js'

const client = createWebSocketClient({ url: 'ws://127.0.0.1:3000/', types: ['gift', 'chat'], onEvent: (event) => void event.seq })

// @ts-expect-error: a type that does not exist
createWebSocketClient({ url: 'ws://127.0.0.1:3000/', types: ['gfit'] })
// @ts-expect-error: a type that does not exist, in a loop
client.events({ types: ['gfit'] })

client.on('event:gift', ({ data }) => void (data.giftName satisfies string))
client.on('event:chat', ({ data }) => void (data.comment satisfies string))
client.on('event:gift', ({ id, data }) => void ([data.sender, data.user.nickname] satisfies string[], id satisfies string | undefined))
client.on('event:chat', ({ data }) => void (data.sender satisfies string))
// @ts-expect-error: not every caption has a sender
client.on('event:caption', ({ data }) => void (data.sender satisfies string))
// @ts-expect-error: an event that does not exist
client.on('event:gifft', () => undefined)
// @ts-expect-error: a field that does not exist
client.on('event:gift', ({ data }) => void data.comment)
client.on('loss', ({ reason }) => void (reason satisfies 'stream_changed' | 'gap' | 'no_position' | 'buffer_full'))

/** Narrows the union by `type`. */
export function describe(event: LivetapeEvent): string {
  if (event.type === 'gift') return `${event.data.giftName} ${event.data.repeatDelta * event.data.diamondCount}`
  return event.type === 'social' ? (event.data.action satisfies 'follow' | 'share' | 'repost' | 'other') : event.type
}

export async function loop(): Promise<void> {
  for await (const event of client.events({ types: ['gift'] })) void (event satisfies GiftEvent)
}

export const seed: RNodeWebSocketClient = new RNodeWebSocketClient('ws://localhost:3000/ws', 'user_123', { maxReconnectAttempts: 10 })
