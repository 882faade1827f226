import { expect, test } from 'vitest'
import gift from '../../examples/overlays/gift.js?raw'
import overlay from '../../examples/overlays/overlay.js?raw'
import { giftOf } from '../src/feed/summary.ts'
import { paint } from '../src/lib/gift.ts'

const event = (type: string, data: object) => ({ type, data: { ...data }, username: '', ts: '', replay: false, stream: '', seq: 1 })

/** The part of an element that pictures use. */
class FakeElement {
  attributes: Record<string, string> = {}
  children: FakeElement[] = []
  constructor(readonly tag: string) {}
  setAttribute(name: string, value: unknown): void {
    this.attributes[name] = String(value)
  }
  replaceChildren(...children: FakeElement[]): void {
    this.children = children
  }
}

/** The shapes of the picture that the overlay draws. */
function overlayShapes(giftName: unknown): { tag: string; attributes: Record<string, string> }[] {
  const document = { createElementNS: (_: string, tag: string) => new FakeElement(tag) }
  const draw = new Function('document', 'location', 'data', `${overlay}\n${gift}\nreturn paint(giftOf(data))`)
  const picture = draw(document, { protocol: 'file:', search: '' }, { giftName }) as FakeElement
  return picture.children.map(({ tag, attributes }) => ({ tag, attributes }))
}

function ownShapes(giftName: unknown): { tag: string; attributes: Record<string, string> }[] {
  const { petals, heart } = paint(giftOf(event('gift', { giftName })) ?? '')
  const strings = (shape: object) => Object.fromEntries(Object.entries(shape).map(([name, value]) => [name, String(value)]))
  return [...petals.map((petal) => ({ tag: 'ellipse', attributes: strings(petal) })), { tag: 'circle', attributes: strings(heart) }]
}

test.each([
  'Rose', 'Heart Me', ' Rosa\u200b ', 'Café', '玫瑰', 'バラの花束', '🌹', '👩‍👩‍👧‍👦 Family', '\u202Eevil\u202C', '', undefined, '<b>', 'W'.repeat(10_000), '👩‍👩‍👧‍👦'.repeat(100), `e${'\u0301'.repeat(99)}`,
])('the gift %s looks the same as in the overlay', (name) => {
  const shapes = ownShapes(name)
  expect(shapes.length).toBeGreaterThan(5)
  expect(shapes).toEqual(overlayShapes(name))
})

test('gifts differ, and other events have no picture', () => {
  const names = ['Rose', 'rose', 'Heart Me', '玫瑰', '🌹', '🌷']
  expect(new Set(names.map((name) => JSON.stringify(ownShapes(name)))).size).toBe(names.length)
  expect(giftOf(event('chat', { giftName: 'Rose' }))).toBeUndefined()
})

test('the name that a picture depends on is short', () => {
  expect(giftOf(event('gift', { giftName: 'x\u0301\u0302'.repeat(50_000) }))?.length).toBeLessThan(200)
  expect(giftOf(event('gift', { giftName: { toString: 1 } }))).toBe('a gift')
})
