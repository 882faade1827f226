// The frames of a recording, and what follows from them for a client.

import { createRequire } from 'node:module'
import { gunzipSync } from 'node:zlib'

const require = createRequire(import.meta.url)
const { ProtoMessageFetchResult, WebcastPushFrame } = require('connector-207/dist/types/tiktok-schema')

/** The methods in the map of 2.0.3 (types/events.js); gifts and control messages are not in it. */
const MAPPED = new Set([
  'WebcastChatMessage', 'WebcastEmoteChatMessage', 'WebcastEnvelopeMessage', 'WebcastLikeMessage', 'WebcastLinkMicArmies',
  'WebcastLinkMicBattle', 'WebcastLiveIntroMessage', 'WebcastMemberMessage', 'WebcastQuestionNewMessage',
  'WebcastRoomUserSeqMessage', 'WebcastSocialMessage', 'WebcastSubNotifyMessage',
])
const COMPARED = new Set(['WebcastChatMessage', 'WebcastGiftMessage', 'WebcastLikeMessage'])

/** The batches of a recording (the lines of `livetape cat --json`), each with what an ack of it says, and the methods of its messages. */
export function readBatches(records) {
  const frames = records.filter(({ type }) => type === 'frame')
  return frames
    .map(({ frame }) => WebcastPushFrame.decode(Buffer.from(frame, 'base64')))
    .filter(({ payloadType }) => payloadType === 'msg')
    .map(({ logId, payload }) => {
      const isZipped = payload[0] === 0x1f && payload[1] === 0x8b
      const batch = ProtoMessageFetchResult.decode(isZipped ? gunzipSync(payload) : payload)
      const { needsAck, internalExt, messages } = batch
      return { logId, needsAck, internalExt, methods: messages.map(({ type }) => type) }
    })
}

/** Whether a client throws a batch away as it cannot decode a message in it; it does not ack it either. */
export const isLost = (client, { methods }) => methods.some((method) => client.cannotDecode.includes(method))

/** Those of `all`, the chats, gifts and likes of the session, that a client emits. */
export function emittedBy(client, batches, all) {
  const rest = all.values()
  const emitted = []
  for (const batch of batches) {
    let isOver = isLost(client, batch)
    for (const method of batch.methods) {
      const event = COMPARED.has(method) ? rest.next().value : undefined
      if (event && !isOver) emitted.push(event)
      isOver ||= client.returnsEarly && MAPPED.has(method)
    }
  }
  if (!rest.next().done) throw new Error('the session is not what livetape decoded')
  return emitted
}
