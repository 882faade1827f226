import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CLOSE, isFinal } from '../../packages/client/src/resume.ts'
import { Connection, type LinkState, address } from '../src/feed/connection.ts'
import { readEvent } from '../src/feed/event.ts'
import { Leaders, PEOPLE_MAX } from '../src/feed/totals.ts'
import { FOLDED_MAX, ROWS_MAX, Store } from '../src/feed/store.ts'
import { STREAKS_MAX, Streaks } from '../src/feed/streaks.ts'
import { LINE_CHARS_MAX, cut, person, summary } from '../src/feed/summary.ts'
import { parts } from '../src/lib/plain.ts'

let seq = 0
const json = (type: string, data: object = {}, more: object = {}): string =>
  JSON.stringify({ type, username: 'host', data, ts: '2026-01-01T00:00:00.000Z', stream: 'a', seq: (seq += 1), ...more })
const gift = (streakId: string, repeatCount: number, repeatDelta: number, isFinal = false): string =>
  json('gift', { sender: 'ann', giftName: 'Rose', streakId, repeatCount, repeatDelta, isFinal, diamonds: repeatDelta })

describe('streaks', () => {
  test('share one row, which shows the highest count', () => {
    const store = new Store()
    for (const [count, delta, final] of [[1, 1], [3, 2], [3, 0, true], [3, 0, true]] as const) store.take(gift('s', count, delta, final))
    store.take(gift('t', 1, 1))
    expect(store.window(0, 9)).toMatchObject([
      { count: 3, added: 0, diamonds: 3, final: true, version: 4 },
      { count: 1, added: 1, diamonds: 1, final: false },
    ])
    expect(parts(store.window(0, 1)[0]?.text ?? '')).toEqual(['sent ', 'Rose', ''])
    expect(store.totals).toMatchObject({ diamonds: 4, gifts: 4 })
    expect(JSON.parse(store.json(0).text).data.isFinal).toBe(true)
  })
  test('show what the last event added', () => {
    const store = new Store()
    for (const [count, delta] of [[1, 1], [3, 2], [7, 4]] as const) store.take(gift('s', count, delta))
    expect(store.window(0, 9)).toMatchObject([{ count: 7, added: 4, diamonds: 7 }])
  })
  test('count as one row of their group, also when rows are removed', () => {
    const store = new Store()
    for (const count of [1, 2, 3]) store.take(gift('s', count, 1))
    for (const type of ['link', 'link_layer', 'chat']) store.take(json(type, { comment: 'hi' }))
    expect(store.groups).toEqual({ gift: 1, other: 1, chat: 1 })
    for (let at = 0; at < ROWS_MAX; at += 1) store.take(json('like'))
    expect(store.groups).toEqual({ gift: 0, other: 0, chat: 0, like: ROWS_MAX })
  })
  test('without an ID stay separate', () => {
    const store = new Store()
    store.take(gift('', 1, 1))
    store.take(gift('', 1, 1))
    expect(store.shown).toBe(2)
  })
  test('start a new row when theirs was removed', () => {
    const streaks = new Streaks()
    const part = { streakId: 's', time: '', repeatCount: 1, repeatDelta: 1, diamonds: 1, isFinal: false }
    expect(streaks.add(part, 0, 0).isNew).toBe(true)
    expect(streaks.add(part, 1, 0).isNew).toBe(false)
    expect(streaks.add(part, 2, 1).isNew).toBe(true)
  })
  test('are bounded', () => {
    const streaks = new Streaks()
    const part = (id: number) => ({ streakId: String(id), time: '', repeatCount: 1, repeatDelta: 1, diamonds: 1, isFinal: false })
    for (let id = 0; id <= STREAKS_MAX; id += 1) streaks.add(part(id), id, 0)
    expect(streaks.add(part(0), 1, 0).isNew).toBe(true)
    expect(streaks.add(part(STREAKS_MAX), 1, 0).isNew).toBe(false)
  })
})

describe('the top gifters', () => {
  test('add up until the source connects again', () => {
    const store = new Store()
    const from = (user: string, diamonds: number): string => json('gift', { user: { userId: user, uniqueId: user }, giftName: 'Rose', streakId: '', diamonds })
    for (const line of [from('ann', 3), from('bob', 5), from('ann', 4), from('eve', 0)]) store.take(line)
    expect(store.leaders.top.map(({ name, diamonds }) => [name, diamonds])).toEqual([['ann', 7], ['bob', 5]])
    store.take(json('connection_created'))
    expect(store.leaders.top).toEqual([])
  })
  test('are bounded, and the first ones stay', () => {
    const leaders = new Leaders()
    const add = (key: number, diamonds: number): void => leaders.add({ key: `k${key}`, name: '', handle: '' }, diamonds)
    add(0, 1_000_000)
    for (let key = 1; key <= PEOPLE_MAX * 2; key += 1) add(key, 1 + (key % 7))
    expect(leaders.top[0]).toMatchObject({ key: 'k0', diamonds: 1_000_000 })
  })
})

describe('events of links', () => {
  test('that follow each other share a row, which keeps the JSON of each', () => {
    const store = new Store()
    for (const type of ['link', 'link_layer', 'link_mic_method', 'chat', 'link']) store.take(json(type, { comment: 'hello' }))
    expect(store.window(0, 9).map(({ type, count }) => [type, count])).toEqual([['link_mic_method', 3], ['chat', undefined], ['link', undefined]])
    expect(store.json().count).toBe(5)
    expect(store.json(0)).toMatchObject({ count: 3 })
    expect(store.json(0).text.split('\n').map((line) => JSON.parse(line).type)).toEqual(['link', 'link_layer', 'link_mic_method'])
  })
  test('start a new row when theirs is full', () => {
    const store = new Store()
    for (let count = 0; count < FOLDED_MAX + 1; count += 1) store.take(json('link'))
    expect(store.window(0, 9).map(({ count }) => count)).toEqual([FOLDED_MAX, undefined])
  })
})

describe('the store', () => {
  test('removes the oldest rows and counts them', () => {
    const store = new Store()
    for (let count = 0; count < ROWS_MAX + 50; count += 1) store.take(json('chat', { sender: 'ann', comment: String(count) }))
    expect([store.rows.length, store.shown, store.forgotten, store.dropped]).toEqual([ROWS_MAX, ROWS_MAX, 50, 50])
    expect(store.window(0, 1)[0]?.text).toBe('50')
    expect(store.window(ROWS_MAX - 1, 9)[0]?.text).toBe(String(ROWS_MAX + 49))
    store.filter({ hidden: [], query: ' 100049 ' })
    expect(store.shown).toBe(1)
  })
  test('filters by group and by text, ignoring case', () => {
    const store = new Store()
    store.take(json('chat', { sender: 'Ann', comment: 'Hello' }))
    store.take(json('like', { sender: 'bob', likeCount: 5 }))
    store.filter({ hidden: ['like'], query: '' })
    expect(store.window(0, 9).map(({ type }) => type)).toEqual(['chat'])
    store.filter({ hidden: [], query: 'HELLO' })
    expect(store.shown).toBe(1)
    store.take(json('chat', { sender: 'ann', comment: 'bye' }))
    expect(store.shown).toBe(1)
    expect(store.json().count).toBe(1)
  })
  test('finds people by nickname and by unique ID', () => {
    const store = new Store()
    store.take(json('chat', { sender: 'ann1990', comment: 'hello', user: { uniqueId: 'ann1990', nickname: 'Ann \u202eof Oz' } }))
    for (const query of ['ann of oz', 'ann1990', '@ann1990']) {
      store.filter({ hidden: [], query })
      expect([query, store.shown]).toEqual([query, 1])
    }
  })
  test('shows what was replayed in a span of time, its start included', () => {
    const store = new Store()
    const at = (second: number): object => ({ ts: `2026-01-01T00:00:0${second}.000Z`, replay: true })
    for (const second of [1, 2, 3, 4]) store.take(json('chat', { comment: String(second) }, at(second)))
    store.take(json('chat', { comment: 'live' }, { ...at(2), replay: false }))
    const shown = (): string[] => store.window(0, 9).map(({ text }) => text)
    store.filter({ hidden: [], query: '', span: '2026-01-01T00:00:02.000Z/2026-01-01T00:00:04.000Z' })
    expect(shown()).toEqual(['2', '3'])
    store.take(json('chat', { comment: 'late' }, at(3)))
    store.take(json('chat', { comment: 'later' }, at(5)))
    expect(shown()).toEqual(['2', '3', 'late'])
    store.filter({ hidden: [], query: '', span: '' })
    expect(store.shown).toBe(7)
  })
  test('counts the rows from before a pause', () => {
    const store = new Store()
    store.take(json('chat'))
    const end = store.rows.end
    store.take(json('chat'))
    expect([store.shownBefore(end), store.shown]).toEqual([1, 2])
  })
  test('counts malformed messages', () => {
    const store = new Store()
    for (const malformed of ['', '{', 'null', '[]', '{"type":1,"data":{}}', '{"type":"chat"}']) expect(store.take(malformed)).toBeUndefined()
    expect([store.totals.malformed, store.shown]).toEqual([6, 0])
  })
  test('resets its totals with each connection', () => {
    const store = new Store()
    store.take(json('like', { totalLikeCount: 9 }))
    store.take(json('like', { totalLikeCount: 7 }))
    expect(store.totals.likes).toBe(9)
    store.take(json('error', { code: 'user_offline', retrying: true, retryAfterMs: 500 }))
    expect(store.totals.failure).toMatchObject({ code: 'user_offline', retrying: true, retryAfterMs: 500 })
    store.take(json('connection_created', { roomId: '1' }))
    expect(store.totals).toMatchObject({ likes: undefined, diamonds: 0, failure: undefined })
  })
  test('shows the goal as last reported, until the source connects again', () => {
    const store = new Store()
    const goal = (progress: number): string =>
      json('goal', { description: ' A new\u202e chair ', subGoals: [{ goalType: 1, giftName: 'Rose', progress, target: 50 }, { goalType: 2, giftName: '', target: '4' }, 'x'] })
    expect(store.totals.goal).toBeUndefined()
    store.take(goal(9))
    store.take(goal(10))
    expect(store.totals.goal).toEqual({
      description: 'A new chair',
      parts: [
        { gift: 'Rose', isSubscriptions: false, progress: 10, target: 50 },
        { gift: '', isSubscriptions: true, progress: 0, target: 4 },
      ],
    })
    store.take(json('goal', {}))
    expect(store.totals.goal).toEqual({ description: '', parts: [] })
    store.take(json('connection_created', { roomId: '1' }))
    expect(store.totals.goal).toBeUndefined()
  })
  test('keeps the score of a battle, with the names of its hosts', () => {
    const store = new Store()
    const battle = (action: number, ...points: (number | null)[]): string =>
      json('battle', { battleId: '7', action, users: [{ userId: '1', nickname: 'Ann', points: points[0] ?? null }, { userId: '2', uniqueId: 'ben', points: points[1] ?? null }] })
    const score = (battleId: string, first: number, second: number): string =>
      json('battle_score', { battleId, teams: [{ hostUserId: '1', points: first }, { hostUserId: '2', points: second }] })
    const shown = () => store.totals.battle && [store.totals.battle.isOver, ...store.totals.battle.sides.map(({ name, points }) => `${name} ${points}`)]
    const taken = (...all: string[]) => {
      for (const each of all) store.take(each)
      return shown()
    }
    expect(taken(battle(1))).toBeUndefined()
    expect(taken(battle(4))).toEqual([false, 'Ann 0', 'ben 0'])
    expect(taken(score('7', 5, 8), score('7', 9, 8))).toEqual([false, 'Ann 9', 'ben 8'])
    expect(taken(battle(5, 12, null))).toEqual([true, 'Ann 12', 'ben 8'])
    // The last score comes after the end.
    expect(taken(score('7', 12, 10))).toEqual([true, 'Ann 12', 'ben 10'])
    // Another battle, whose start is not in the feed.
    expect(taken(score('8', 1, 2))).toEqual([false, 'Ann 1', 'ben 2'])
    expect(taken(battle(3))).toBeUndefined()
    expect(taken(battle(6, 3, 4))).toEqual([true, 'Ann 3', 'ben 4'])
    expect(taken(json('connection_created', { roomId: '1' }))).toBeUndefined()
    expect(taken(json('battle', { battleId: 5, action: 4, users: [null, 'x', {}] }))).toEqual([false, ' 0'])
  })
  test('adds up lost events', () => {
    const store = new Store()
    store.take('{"type":"gap","from":5,"to":9}')
    expect(store.totals.lost).toBe(5)
    expect(store.window(0, 1)[0]?.text).toContain('5 events missing')
  })
})

describe('the rows of a replay that is moved', () => {
  const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`
  const said = (second: number, comment: string, generation = 1): string =>
    json('chat', { sender: 'ann', comment }, { ts: at(second), replay: true, id: `${comment}${generation > 1 ? `~${generation}` : ''}` })
  const begins = (second: number, generation = 1, roomId = '1'): string =>
    json('connection_created', { roomId, source: 'replay', ...(generation > 1 && { generation }) }, { ts: at(second), replay: true })
  const rose = (second: number, count: number, delta: number, generation = 1): string =>
    json('gift', { sender: 'ann', giftName: 'Rose', streakId: `s${generation > 1 ? `~${generation}` : ''}`, repeatCount: count, repeatDelta: delta, diamonds: delta }, { ts: at(second), replay: true, id: `g${count}` })
  const shown = (store: Store): string[] => store.window(0, 99).map(({ type, text, count }) => (type === 'chat' ? text : `${type}${count ? ` ${count}` : ''}`))
  const taken = (...all: string[]): Store => {
    const store = new Store()
    for (const each of all) store.take(each)
    return store
  }

  test('end where it is: nothing is repeated', () => {
    const store = taken(begins(0), said(1, 'a'), said(2, 'b'), said(3, 'c'), begins(2, 2))
    expect(shown(store)).toEqual(['connection_created', 'a'])
    expect(store.last()).toMatchObject({ row: { text: 'a' }, index: 1 })
    store.take(said(2, 'b', 2))
    expect(shown(store)).toEqual(['connection_created', 'a', 'b'])
    expect([store.last()?.row.text, store.groups.chat, store.groups.source]).toEqual(['b', 2, 1])
    // Positions are used again, versions are not: each row is drawn.
    expect(new Set(store.window(0, 9).map(({ version }) => version)).size).toBe(3)
  })
  test('show where it skips a part, or another recording begins', () => {
    const store = taken(begins(0), said(1, 'a'), begins(3, 2), said(4, 'd', 2), begins(5, 3, '2'), said(6, 'x', 3))
    expect(shown(store)).toEqual(['connection_created', 'a', 'connection_created', 'd', 'connection_created', 'x'])
    store.take(begins(0, 4, '2'))
    expect(shown(store)).toEqual(['connection_created'])
  })
  test('are gone at the start of the recording, before its first event', () => {
    const store = taken(begins(1), said(2, 'a'), rose(3, 1, 1))
    store.rewind(1, at(0))
    expect(store.shown).toBe(3)
    store.rewind(2, at(0))
    expect([store.shown, store.totals.diamonds]).toEqual([0, 0])
    store.take(begins(1, 2))
    expect(shown(store)).toEqual(['connection_created'])
  })
  test('have one start where several moves met no event', () => {
    const store = taken(begins(0), said(1, 'a'), begins(3, 2), begins(5, 3), said(6, 'x', 3))
    expect(shown(store)).toEqual(['connection_created', 'a', 'connection_created', 'x'])
  })
  test('show a start between parts that it skipped', () => {
    const store = taken(begins(0), said(1, 'a'), begins(7, 2), said(8, 'x', 2), begins(4, 3), said(5, 'b', 3))
    expect(shown(store)).toEqual(['connection_created', 'a', 'connection_created', 'b'])
  })
  test('report a gap until the events before it go', () => {
    const gap = '{"type":"gap","from":5,"to":9}'
    const store = taken(begins(0), said(1, 'a'), gap, begins(2, 2))
    expect(shown(store)).toEqual(['connection_created', 'a', 'gap', 'connection_created'])
    store.take(begins(1, 3))
    expect(shown(store)).toEqual(['connection_created'])
  })
  test('stay when the server restarts', () => {
    const other = begins(0).replace('"stream":"a"', '"stream":"b"')
    expect(shown(taken(begins(0), said(1, 'a'), other))).toEqual(['connection_created', 'a', 'connection_created'])
  })
  test('stay while the list is paused', () => {
    const store = taken(begins(0), said(1, 'a'), said(2, 'b'))
    const held = store.rows.end
    store.take(said(3, 'c'), held)
    store.take(begins(0, 2), held)
    expect(shown(store)).toEqual(['connection_created', 'a', 'b', 'connection_created'])
  })
  test('stay when a recorded connection is replaced', () => {
    expect(shown(taken(begins(0), said(1, 'a'), begins(1), said(2, 'b')))).toEqual(['connection_created', 'a', 'connection_created', 'b'])
  })
  test('show a streak as it was then', () => {
    const store = taken(begins(0), said(1, 'a'), rose(2, 1, 1), rose(3, 2, 1), rose(4, 5, 3), begins(4, 2))
    expect(store.window(2, 1)).toMatchObject([{ count: 2, added: 1, diamonds: 2 }])
    expect(store.groups.gift).toBe(1)
    // Its first gift in this pass counts all.
    store.take(rose(4, 5, 5, 2))
    expect(store.window(2, 9)).toMatchObject([{ count: 5, diamonds: 5 }])
    store.take(begins(1, 3))
    expect(shown(store)).toEqual(['connection_created'])
  })
  test('still tell what is true in the room; sums start over', () => {
    const viewers = (second: number, viewerCount: number): string => json('room_user', { viewerCount }, { ts: at(second), replay: true })
    const store = taken(begins(0), viewers(1, 10), rose(2, 1, 1), viewers(3, 30), begins(3, 2))
    expect(store.totals).toMatchObject({ viewers: 10, diamonds: 0, since: at(3) })
    store.take(begins(5, 3))
    expect(store.totals.viewers).toBeUndefined()
  })
})

describe('lines', () => {
  const line = (type: string, data: object): string => summary(readEvent(json(type, data)) as NonNullable<ReturnType<typeof readEvent>>)
  test.each([
    ['chat', { comment: 'a\n\nb\t c' }, 'a b c'],
    ['like', { likeCount: 1 }, 'sent 1 like'],
    ['social', { action: 'follow' }, 'followed the host'],
    ['social', { action: 'constructor' }, 'constructor'],
    ['room_user', { viewerCount: 1674 }, '1,674 viewers'],
    ['room', { text: { key: 'k', text: ' Welcome ' } }, 'Welcome'],
    ['brand_new', { a: 1, b: true, c: '', d: null, e: [1, 2] }, 'a 1 · b true · e 2×'],
    ['__proto__', {}, ''],
    ['gift', {}, 'sent #0'],
    ['disconnected', { reason: 'deleted' }, 'disconnected on request'],
    ['disconnected', { reason: 'stream_ended' }, 'the LIVE ended'],
    ['disconnected', { reason: 'dns_failed' }, 'disconnected: Server name not found'],
    ['disconnected', { reason: 'constructor' }, 'disconnected: Constructor'],
    ['disconnected', {}, 'disconnected'],
    ['error', { code: 'dns_failed', title: 'dns failed', message: 'x' }, 'Server name not found: x'],
    ['error', { code: 'brand_new', title: 'brand new' }, 'Brand new'],
  ])('%s', (type, data, text) => expect(parts(line(type, data)).join('')).toBe(text))
  test.each([
    ['chat', { comment: '\u202eabc\u2066\u200b\u0000def' }, ['abc def']],
    ['gift', { giftName: '\u202eوردة (1)\u2069' }, ['sent ', 'وردة (1)', '']],
    ['error', { code: 'io', message: '\u2067וא' }, ['', 'File cannot be read or written', ': ', 'וא', '']],
    ['brand_new', { a: 'וא', b: 7 }, ['a ', 'וא', ' · b 7']],
  ])('isolates the texts of %s, without control characters', (type, data, wanted) => expect(parts(line(type, data))).toEqual(wanted))
  test.each([
    ['the nickname and the ID', { sender: 'ann1', user: { nickname: ' Ann ', userId: '7' } }, { key: '7', name: 'Ann', handle: 'ann1' }],
    ['the ID alone', { user: { uniqueId: 'ann1' } }, { key: 'ann1', name: 'ann1', handle: '' }],
    ['the ID once', { sender: 'ann1', user: { nickname: 'ann1' } }, { key: 'ann1', name: 'ann1', handle: '' }],
    ['the ID of an invisible nickname', { sender: 'ann1', user: { nickname: '\u202e\u200b ' } }, { key: 'ann1', name: 'ann1', handle: '' }],
    ['nobody', {}, { key: '', name: '', handle: '' }],
  ])('name a person by %s', (_, data, wanted) => expect(person(readEvent(json('chat', data)) as NonNullable<ReturnType<typeof readEvent>>)).toEqual(wanted))
  test('are bounded, and never split a character', () => {
    const long = line('chat', { comment: '😀'.repeat(10_000) })
    expect(long.length).toBeLessThanOrEqual(LINE_CHARS_MAX + 1)
    expect(long.isWellFormed()).toBe(true)
    expect(cut('a😀b', 2)).toBe('a…')
  })
})

/** A WebSocket that the test controls. */
class FakeSocket {
  static made: FakeSocket[] = []
  onopen?: () => void
  onclose?: (event: { code: number; reason: string }) => void
  onmessage?: (event: { data: string }) => void
  constructor(readonly url: string) {
    FakeSocket.made.push(this)
  }
  close(): void {}
}

describe('the connection', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.stubGlobal('WebSocket', FakeSocket)
    FakeSocket.made = []
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  function connect() {
    const [states, lost]: [LinkState[], number[]] = [[], []]
    const connection: Connection = new Connection('ws://x/', [], {
      message: (text) => connection.seen('a', Number(text)),
      state: (state) => states.push(state),
      lost: (code) => lost.push(code),
      opened: () => undefined,
    })
    connection.open()
    return { connection, states, lost }
  }
  const last = (): FakeSocket => FakeSocket.made.at(-1) as FakeSocket
  const since = (): string | null => new URL(last().url).searchParams.get('since')

  test('ends or reconnects by the same close codes as the client', () => {
    for (let code = 1000; code < 5000; code += code === 1015 ? 1985 : 1) {
      const { connection, lost } = connect()
      last().onopen?.()
      last().onmessage?.({ data: '7' })
      last().onclose?.({ code, reason: 'why' })
      const wanted = isFinal(code) ? 'over' : 'waiting'
      expect([code, connection.state.state, connection.state.code, connection.state.reason]).toEqual([code, wanted, code, 'why'])
      const sockets = FakeSocket.made.length
      vi.advanceTimersByTime(1000)
      expect([code, FakeSocket.made.length - sockets]).toEqual([code, isFinal(code) ? 0 : 1])
      if (!isFinal(code)) expect(since()).toBe(code === CLOSE.UNKNOWN_POSITION ? '0' : 'a:7')
      expect(lost).toEqual(code === CLOSE.UNKNOWN_POSITION ? [code] : [])
      connection.close()
    }
  })
  test('waits longer each time, and retries at once when asked', () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { connection, states } = connect()
    for (const seconds of [1, 2, 4, 8, 16, 16]) {
      last().onclose?.({ code: 1006, reason: '' })
      const wait = (states.at(-1) as LinkState).retryAt - Date.now()
      expect(Math.round(wait / 1000)).toBe(seconds)
      vi.advanceTimersByTime(wait)
    }
    last().onclose?.({ code: 1006, reason: '' })
    const sockets = FakeSocket.made.length
    connection.retry()
    expect([connection.state.state, FakeSocket.made.length - sockets]).toEqual(['connecting', 1])
    connection.close()
    random.mockRestore()
  })
  test('resumes after the last event seen, as an observer', () => {
    expect(address('ws://localhost:3000/', undefined)).toBe('ws://localhost:3000/?since=0&observer=1&raw=1')
    expect(address('ws://localhost:3000/x/', 'a:5')).toBe('ws://localhost:3000/x/?since=a%3A5&observer=1&raw=1')
  })
})
