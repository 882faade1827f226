// The fields of the page that sets up overlays: one for each option that changes something.

'use strict'

const SWITCH = 'checkbox'
/** A number that people may write with separators of thousands, which a field of the type `number` takes for a decimal point. */
const WHOLE = 'whole'
// A field is its option's name, a label, the default, and either choices or the type of an input.
const ALIGN = ['align', 'Alignment', 'start', CHOICES.align]
const PICTURES = ['pictures', 'Real pictures (from TikTok)', '0', SWITCH]
const STATUS = ['status', 'Show a note when the connection is lost', '0', SWITCH]
const COMMON = [['look', 'Look', 'card', CHOICES.look], ['size', 'Text size (pixels)', '24', 'number'], ['font', 'Font', '', 'text']]
const COLOURS = {
  colour: ['colour', 'Text colour', '#ffffff', 'color'],
  accent: ['accent', 'Accent colour', '#ff4d6d', 'color'],
  rival: ['rival', 'Colour of the rival', '#25d4e8', 'color'],
  background: ['background', 'Background colour', '#12141bd9', 'color'],
}
/** What choices are called, where their values are not words that streamers use. */
const CHOICE_LABELS = { card: 'on a panel', plain: 'text only', start: 'left', center: 'centre', end: 'right', subscribes: 'subscriptions' }
const GIFTS = ['gift', 'streak']
/** What a goal can count, and what tests it. */
const COUNTS = { diamonds: GIFTS, gifts: GIFTS, likes: ['like'], follows: ['follow'], shares: ['share'], subscribes: ['subscribe'] }
/** The overlays: width and height in OBS for the default size of text and a number of rows, what tests them, and the fields that only they have. */
const PAGES = {
  alerts: {
    label: 'Alerts',
    box: (rows) => [520, Math.max(320, 30 + 154 * rows)],
    tests: ({ follows, subscribes, shares }) => [...GIFTS, ...(follows ? ['follow'] : []), ...(subscribes ? ['subscribe'] : []), ...(shares ? ['share'] : [])],
    fields: [
      ['seconds', 'How long an alert stays (seconds)', '5', 'number'],
      ['max', 'Alerts at the same time', '1', 'number'],
      ['min', 'Only gifts worth at least (diamonds)', '0', WHOLE],
      ['follows', 'Alerts for follows', '1', SWITCH],
      ['subscribes', 'Alerts for subscriptions', '1', SWITCH],
      ['shares', 'Alerts for shares', '0', SWITCH],
      ['sound', 'Play a sound', '1', SWITCH],
      PICTURES,
      ['align', 'Alignment', 'center', CHOICES.align],
    ],
  },
  chat: {
    label: 'Chat',
    box: (rows) => [420, Math.max(520, 64 + 38 * rows)],
    tests: () => ['chat'],
    fields: [['max', 'Messages at the same time', '12', 'number'], ['seconds', 'How long a message stays (seconds; 0: no limit)', '0', 'number'], PICTURES, ALIGN],
  },
  goal: {
    label: 'Goal',
    box: () => [560, 110],
    tests: ({ count }) => COUNTS[count] ?? [],
    fields: [['count', 'What counts', 'diamonds', Object.keys(COUNTS)], ['goal', 'Number to reach', '1000', WHOLE], ['start', 'Start from', '0', WHOLE], ['title', 'Title', '', 'text']],
  },
  leaderboard: {
    label: 'Leaderboard',
    box: (rows) => [420, Math.max(300, 100 + 40 * rows)],
    tests: () => GIFTS,
    fields: [['title', 'Title', 'Top gifters', 'text'], ['max', 'How many viewers it lists', '5', 'number'], PICTURES],
  },
  battle: {
    label: 'Battle',
    box: () => [640, 170],
    tests: () => ['battle', 'points', 'over'],
    fields: [['seconds', 'How long the result stays (seconds)', '15', 'number'], PICTURES],
  },
  viewers: {
    label: 'Viewers',
    box: () => [400, 80],
    tests: () => ['viewers'],
    fields: [['total', 'Also show how many came in total', '0', SWITCH], ALIGN],
  },
}
const find = (id) => document.getElementById(id)
const make = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

let page = 'alerts'
/** The values of fields, as text; mistaken ones stay here too. */
const values = new Map(new URLSearchParams(location.search))
/** Options without a field that a link may have: they stay in it. */
const UNSHOWN = ['types', 'user']
if (Object.hasOwn(PAGES, values.get('page') ?? '')) page = values.get('page')

/** Fields of the overlay: only those that change something. */
function fieldsOf() {
  const isCard = (values.get('look') ?? 'card') === 'card'
  const colours = ['colour', ...(page === 'viewers' ? [] : ['accent']), ...(page === 'battle' ? ['rival'] : []), ...(isCard ? ['background'] : [])]
  return [...PAGES[page].fields, ...COMMON, ...colours.map((name) => COLOURS[name]), STATUS]
}

const valueOf = ([name, , unset]) => values.get(name) ?? unset
/** A number in groups of three digits: `1.000`, `1,000`, `1 000`, `1'000`. */
const GROUPED = /^[1-9]\d{0,2}([.,'’ \u00a0\u202f])\d{3}(\1\d{3})*$/
/** A font whose name is not an identifier needs quotes, and a number has no separators. */
function cleanOf([name, , , kind], value) {
  if (kind === WHOLE) return GROUPED.test(value.trim()) ? value.replaceAll(/\D/g, '') : value.trim()
  return name === 'font' && !CSS.supports('font-family', value) ? JSON.stringify(value) : value
}
function mistakeIn(field, value) {
  const [name, , unset, kind] = field
  if (value === unset) return undefined
  return value === '' ? 'is empty' : mistakeOf(name, cleanOf(field, value), ['number', WHOLE, SWITCH].includes(kind), Array.isArray(kind) ? { [name]: kind } : {})
}
/** Options that differ from their defaults, without mistaken ones. */
function changed() {
  const shown = fieldsOf().filter((field) => valueOf(field) !== field[2] && !mistakeIn(field, valueOf(field))).map((field) => [field[0], cleanOf(field, valueOf(field))])
  return [...shown, ...UNSHOWN.filter((name) => values.get(name)).map((name) => [name, values.get(name)])]
}

/** Height of the line that says that the connection is lost, for the default size of text, in pixels. */
const STATUS_PX = 30
/** Width and height that the overlay needs with these options, in pixels. */
function boxOf({ size = 24, status = 0, max = PAGES[page].fields.find(([name]) => name === 'max')?.[2] }) {
  const [width, height] = PAGES[page].box(Number(max))
  return [width, height + STATUS_PX * Number(status)].map((side) => Math.ceil((side * Number(size)) / 240) * 10)
}

const canvas = document.createElement('canvas').getContext('2d')
/** The parts of a CSS colour: `#rrggbb`, and the opacity in per cent. */
function partsOf(css) {
  canvas.fillStyle = css
  const [, rgb, alpha] = /^(#......)$|^rgba\(.*, ([\d.]+)\)$/.exec(canvas.fillStyle)
  if (rgb) return [rgb, 100]
  const numbers = canvas.fillStyle.match(/[\d.]+/g).slice(0, 3)
  return [`#${numbers.map((number) => Number(number).toString(16).padStart(2, '0')).join('')}`, Math.round(Number(alpha) * 100)]
}
const colourOf = (rgb, percent) => rgb + (percent === 100 ? '' : Math.round((percent * 255) / 100).toString(16).padStart(2, '0'))

/** Whether a font is installed: a text has another width than without it. */
function hasFont(font) {
  const widthIn = (fonts) => {
    canvas.font = `72px ${fonts}`
    return canvas.measureText('mmMWli10@ÄЖ').width
  }
  return ['monospace', 'serif'].some((other) => widthIn(`${font}, ${other}`) !== widthIn(other))
}

function noteOf(field, input) {
  const value = valueOf(field)
  const mistake = input.validity?.badInput ? mistakeOf(field[0], '', true, {}) : mistakeIn(field, value)
  if (mistake) return ['wrong', `The value ${mistake}: the default is used.`]
  return field[0] === 'font' && value && !hasFont(cleanOf(field, value)) ? ['doubt', 'The font is not installed here.'] : ['', '']
}

/** Creates the row of a field. */
function rowOf(field) {
  const [name, label, unset, kind] = field
  const value = valueOf(field)
  const note = make('small', { id: `note-${name}` })
  let [input, opacity] = []
  const take = (next) => {
    values.set(name, next)
    judge()
    // A look has colours of its own, and a goal its tests.
    if (Array.isArray(kind)) draw()
    show()
  }
  const judge = () => {
    const [className, text] = noteOf(field, input)
    Object.assign(note, { className, textContent: text })
    input.ariaInvalid = String(className === 'wrong')
  }
  if (Array.isArray(kind)) {
    input = make('select', {}, ...kind.map((choice) => new Option(CHOICE_LABELS[choice] ?? choice, choice)))
    Object.assign(input, { value: kind.includes(value) ? value : unset, onchange: () => take(input.value) })
  } else if (kind === 'color') {
    input = make('input', { type: kind })
    opacity = make('input', { type: 'range', min: 0, max: 100, ariaLabel: `${label}: opacity` })
    ;[input.value, opacity.value] = partsOf(CSS.supports('color', value) ? value : unset)
    input.oninput = opacity.oninput = () => take(colourOf(input.value, Number(opacity.value)))
  } else if (kind === SWITCH) {
    input = make('input', { type: kind, checked: value === '1', onchange: () => (take(input.checked ? '1' : '0'), drawTests()) })
  } else {
    const [min, max] = RANGES[name] ?? RANGE
    const more = kind === WHOLE ? { type: 'text', inputMode: 'numeric' } : { type: kind, ...(kind === 'number' && { min, max, step: 'any' }) }
    input = make('input', { value, placeholder: unset || 'default', oninput: () => take(input.value), ...more })
  }
  Object.assign(input, { name, id: name })
  input.setAttribute('aria-describedby', note.id)
  judge()
  return make('div', { className: `row ${kind}` }, make('label', { htmlFor: name }, label), input, ...(opacity ? [opacity] : []), note)
}

function draw() {
  const focused = document.activeElement?.id
  find('fields').replaceChildren(...fieldsOf().map(rowOf))
  if (focused) find(focused)?.focus()
  drawTests()
}
