// Events that a test sends.

import { inspect } from 'node:util'

import { LivetapeError, isObject, wrong } from './error.js'
import type { Injected } from './rest.js'

/** A user: a unique id, or more. The same unique id is always the same user. */
export type User = string | { uniqueId: string; nickname?: string; avatar?: string; isModerator?: boolean; isSubscriber?: boolean; gifterLevel?: number }

/** The fields of each kind of event. */
export interface Kinds {
  chat: { user: User; comment: string }
  /** Without `combo`: one final with `count`. With it: a streak that rises to `count`, then its final. `diamonds` is the price of one. */
  gift: { user: User; gift: string; count?: number; combo?: boolean; diamonds?: number; pictureUrl?: string }
  like: { user: User; count?: number; total?: number }
  join: { user: User; memberCount?: number }
  follow: { user: User; followCount?: number }
  share: { user: User; shareCount?: number }
  repost: { user: User }
  subscribe: { user: User; months?: number }
  question: { user: User; question: string }
  emote: { user: User; emoteId: string; pictureUrl?: string }
  envelope: { user: User; diamonds: number; people?: number }
  battle: { user: User; opponent: User; points?: number; opponentPoints?: number; over?: boolean }
  poll: { user: User; question: string; options: string[] }
  viewers: { viewerCount: number }
  /** The LIVE ends. */
  end: Record<string, never>
  /** Any message: its method, and its protobuf as bytes or in base64. */
  raw: { method: string; payload: string | Uint8Array }
}

/** A method for each kind of event. Each resolves once the events are broadcast. */
export type Send = {
  [Kind in keyof Kinds]: (...fields: Kind extends 'end' ? [] : [fields: Kinds[Kind]]) => Promise<Injected>
}

// The compiler reports a missing kind.
const KINDS: Record<keyof Kinds, true> = {
  chat: true, gift: true, like: true, join: true, follow: true, share: true, repost: true, subscribe: true, question: true,
  emote: true, envelope: true, battle: true, poll: true, viewers: true, end: true, raw: true,
}

/** Rejects what would not reach the server as it was written. */
function checkFields(kind: string, fields: unknown): void {
  if (!isObject(fields)) throw wrong(`the fields of ${kind}`, fields, 'pass an object', 'are')
  const { type } = fields
  if (type !== undefined) {
    const hint = typeof type === 'string' && type in KINDS ? `call \`send.${type}()\` instead` : 'remove it: the method is the type'
    throw new LivetapeError('bad_request', `\`type\` is ${inspect(type)}, but ${kind} has no such field`, hint)
  }
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'number' && !Number.isFinite(value)) throw wrong(`\`${name}\``, value, 'pass a finite number')
  }
}

/** Creates the methods, which pass the body of `POST /inject` on. */
export function senders(inject: (body: Record<string, unknown>) => Promise<Injected>): Send {
  const method = (type: string) => async (fields: Record<string, unknown> = {}) => {
    checkFields(type, fields)
    const { payload } = fields
    return inject({ type, ...fields, ...(payload instanceof Uint8Array ? { payload: Buffer.from(payload).toString('base64') } : {}) })
  }
  return Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, method(kind)])) as unknown as Send
}
