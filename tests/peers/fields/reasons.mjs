// Why our fields differ from those of other clients. `cargo xtask nightly fields` fails for a difference that is not here.

/** How a field can be read without being the same: what `compare.mjs` calls it, in the order of the document. */
export const KINDS = {
  picture: 'Of the addresses of a picture, which all show the same, the event has the last, which is not a webp if there is another; the client lists all.',
  text: 'The event has the text with names and numbers in it; the client has the pattern, `{0:user} joined`, and its pieces.',
  keyed: 'The client has a map by user id, in another order.',
  name: 'The event has a name; the client has the number.',
}

/** Fields that no field of a client equals, by reason. */
export const REASONS = [
  ['Computed by livetape, for streaks that repeat their gift.', ['gift.streakId', 'gift.repeatDelta', 'gift.isFinal', 'gift.diamonds']],
  ['The message has no time, so the event has the time of receipt.', ['caption.timestamp', 'control.timestamp', 'live_intro.timestamp']],
  ['From the badges, which are compared one by one, and from what the message states about its sender.', ['user.isSubscriber', 'user.topGifterRank', 'user.isNewGifter', 'user.gifterLevel', 'user.teamLevel']],
  ['A name for what the message contains: a poll that starts, changes or ends; the pinned chat or gift.', ['poll.state', 'pin.pinned.type']],
  ['A name for the action, and nothing where the action has none.', ['control.state']],
  ['The name that the app shows, `Viewer158848`; the client has `Viewer%s` and the number.', ['unauthorized_member.nickname']],
  ['Field 2, which holds JSON in every recorded banner; the clients describe another message.', ['banner.data']],
]

export const reasonFor = (field) => REASONS.find(([, fields]) => fields.includes(field))?.[0]

/** Fields with a reason that differ for no client. */
export function unused(results) {
  const differing = new Set([...results.values()].flatMap(({ kinds }) => [...kinds].flatMap(([kind, { fields }]) => [...fields].filter(([, { is }]) => is === 'differs').map(([field]) => `${kind}.${field}`))))
  return REASONS.flatMap(([, fields]) => fields).filter((field) => !differing.has(field))
}
