// The batches of a recording, and the events that a client should emit for them.

import { createRequire } from 'node:module'
import { gunzipSync } from 'node:zlib'

const require = createRequire(import.meta.url)
const { ProtoMessageFetchResult, WebcastPushFrame } = require('connector-207/dist/types/tiktok-schema')

/** Methods in the map of 2.0.3 (types/events.js), which lacks gifts and control messages. */
const MAPPED = new Set([
  'WebcastChatMessage', 'WebcastEmoteChatMessage', 'WebcastEnvelopeMessage', 'WebcastLikeMessage', 'WebcastLinkMicArmies',
  'WebcastLinkMicBattle', 'WebcastLiveIntroMessage', 'WebcastMemberMessage', 'WebcastQuestionNewMessage',
  'WebcastRoomUserSeqMessage', 'WebcastSocialMessage', 'WebcastSubNotifyMessage',
])
const COMPARED = new Set(['WebcastChatMessage', 'WebcastGiftMessage', 'WebcastLikeMessage', 'WebcastMemberMessage'])

/** Extracts batches from the output of `livetape cat --json`, with the contents of their acks and their messages. */
export function readBatches(records) {
  const received = records.filter(({ type, payloadType, sent }) => type === 'frame' && payloadType === 'msg' && !sent)
  return received
    .map(({ frame }) => WebcastPushFrame.decode(Buffer.from(frame, 'base64')))
    .map(({ logId, payload }) => {
      const isZipped = payload[0] === 0x1f && payload[1] === 0x8b
      const batch = ProtoMessageFetchResult.decode(isZipped ? gunzipSync(payload) : payload)
      const { needsAck, internalExt, messages, isFirst } = batch
      // The first batch comes with the sign answer, which needs no ack.
      return { logId, needsAck: needsAck && !isFirst, internalExt, methods: messages.map(({ type }) => type), messages }
    })
}

/** Whether a client drops a batch, without an ack, because it cannot decode one of its messages. */
export const isLost = (client, { methods }) => methods.some((method) => client.cannotDecode.includes(method))

/** Returns the events of the recording that a client should emit; `all` are the compared ones. */
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
  if (!rest.next().done) throw new Error('the batches do not match the events that livetape decoded')
  return emitted
}
