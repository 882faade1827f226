import { expect, test } from 'vitest'
import alerts from '../../examples/overlays/alerts.js?raw'
import overlay from '../../examples/overlays/overlay.js?raw'
import { giftOf } from '../src/feed/summary.ts'
import { paint } from '../src/lib/gift.ts'

const event = (type: string, data: object) => ({ type, data: { ...data }, username: '', ts: '', replay: false, stream: '', seq: 1 })

/** The part of an element that overlays use. */
class FakeElement {
  attributes: Record<string, string> = {}
  children: FakeElement[] = []
  style = { setProperty: (): void => undefined }
  constructor(readonly tag: string) {}
  setAttribute(name: string, value: unknown): void {
    this.attributes[name] = String(value)
  }
  replaceChildren(...children: FakeElement[]): void {
    this.children = children
  }
  querySelector(): FakeElement {
    return new FakeElement('div')
  }
}

/** Runs the overlay until it has shown an alert for a gift, and returns the shapes of its picture. */
function overlayShapes(giftName: unknown): { tag: string; attributes: Record<string, string> }[] {
  const picture = new FakeElement('svg')
  const document = {
    documentElement: new FakeElement('html'),
    createElement: (tag: string) => new FakeElement(tag),
    createElementNS: (_: string, tag: string) => new FakeElement(tag),
    querySelector: (query: string) => (query === '#picture' ? picture : new FakeElement('div')),
  }
  const location = { protocol: 'file:', search: '?sound=0' }
  const stubs = 'let show; connect = (_options, _types, handler) => { show = handler }; drawing = (draw) => draw;'
  const run = new Function('document', 'location', 'setTimeout', `${overlay}\n${stubs}\n${alerts}\nreturn show`)
  run(document, location, () => 0)({ type: 'gift', stream: 'a', seq: 1, data: { giftName, repeatCount: 1, diamondCount: 1 } })
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
