// A page in Chromium that records its requests and console errors.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** Kinds of controls that pages showed, and those that checks used, such as `/ feed button Clear`. */
export const CONTROLS = { seen: new Set(), used: new Set() }

/** Whether times are judged: not by CI, whose machine may be slow or busy, but by `cargo xtask nightly times`. */
export const JUDGES_TIMES = process.env.JUDGE_TIMES === '1'

export const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText())

/** Runs in each page: reports each kind of control once when it can be used, and once when it was used. */
function watchControls() {
  const CONTROL = 'button, input, select, summary, a[href], [role=slider], [role=separator], article, kbd'
  const KEYS = { ' ': 'space', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', PageUp: 'page', PageDown: 'page', Home: 'home', End: 'end', Enter: 'enter' }
  const told = new Set()
  const tell = (what, kind) => {
    if (!told.has(what + kind)) void globalThis.tellControl(what, kind)
    told.add(what + kind)
  }
  const ownText = (element) => [...(element?.childNodes ?? [])].filter(({ nodeType }) => nodeType === Node.TEXT_NODE).map(({ data }) => data).join('').trim()
  // Names without numbers; rows of the feed, and the event at which a replay stands, without names.
  const nameOf = (control) => {
    if (control.matches('article, .at-event')) return ''
    const name = control.ariaLabel || ownText(control) || ownText(control.labels?.[0]) || control.labels?.[0]?.textContent || control.textContent
    return name.trim().replaceAll(/\d[\d.,:]*/g, '#').replace(/^(#.*?)s?$/, '$1')
  }
  const kindOf = (control) => {
    if (control.localName === 'kbd') return `key ${control.textContent}`
    const place = control.closest('dialog, aside, section, header, .card')
    const where = place?.localName === 'dialog' ? place.querySelector('h2').textContent.split(' ')[0] : place?.className.replace('panel ', '').split(' ')[0]
    return [location.pathname, where, control.role || control.localName, nameOf(control)].filter(Boolean).join(' ')
  }
  const isField = (control) => control.matches('input, select')
  for (const type of ['click', 'change', 'input']) {
    addEventListener(type, ({ target, isTrusted }) => {
      const control = target.closest?.(CONTROL)
      // Playwright chooses options and files by events of its own.
      if (control && isField(control) === (type !== 'click') && (isTrusted || isField(control))) tell('used', kindOf(control))
    }, true)
  }
  addEventListener('keydown', ({ target, key, isTrusted }) => {
    if (isTrusted && !target.closest?.('input, select')) tell('used', `key ${KEYS[key] ?? key}`)
  }, true)
  setInterval(() => {
    const usable = [...document.querySelectorAll(CONTROL)].filter((control) => !control.matches(':disabled, [readonly], [inert] *') && control.checkVisibility())
    for (const kind of new Set(usable.map(kindOf))) tell('seen', kind)
  }, 200)
}

/** Runs in a page: number of pixels drawn on the timeline. */
export function inked() {
  const canvas = document.querySelector('.timeline canvas')
  // Before the first layout, it has no size.
  if (canvas.width === 0 || canvas.height === 0) return 0
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  return data.filter((_, index) => index % 4 === 3 && data[index] > 0).length
}

/** Paths of the pages in `examples`; those of saved overlays are written by the program. */
const EXAMPLES = /^\/(overlays\/[^/]*|try(\.js)?|livetape-client\.js)$/
const TYPES = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }

/** The file of a path, from the folder of the dashboard. */
function fileOf(pathname) {
  if (EXAMPLES.test(pathname)) return `../../examples${pathname.replace(/\/$/, '/index.html').replace(/\/try$/, '/try.html')}`
  return pathname === '/' ? 'index.html' : pathname
}

/** Serves the dashboard and the pages beside it from the checkout instead of the program, which then need not be built again. */
async function serveFrom(folder, context) {
  await context.route(({ pathname }) => pathname === '/' || pathname.startsWith('/assets/') || EXAMPLES.test(pathname), async (route) => {
    const { pathname } = new URL(route.request().url())
    // A script that asks for `/` gets a list of addresses.
    if (pathname === '/' && route.request().resourceType() !== 'document') return route.fallback()
    const file = fileOf(pathname)
    // Overlays have a policy of their own.
    const page = await fetch(EXAMPLES.test(pathname) ? route.request().url() : new URL('/', route.request().url()), { headers: { accept: 'text/html' } }).catch(() => undefined)
    // A check may end, and its server with it, while its page still loads a picture.
    if (!page) return route.abort()
    const headers = { 'content-security-policy': page.headers.get('content-security-policy') }
    await route.fulfill({ body: await readFile(path.join(folder, file)), headers, contentType: TYPES[file.split('.').at(-1)] })
  })
}

export class Visit {
  #complaints = []
  #asked = []

  static async open(browser, url, { width = 1440, height = 900, scheme = 'light', path: where = '/', ready = true, watched = true, everything = true, offline = false } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      offline,
      acceptDownloads: true,
      reducedMotion: 'reduce',
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    // Busy checks turn off what takes time: each message of a watched socket passes through this process.
    if (watched) {
      await context.exposeBinding('tellControl', (_source, what, kind) => void CONTROLS[what].add(kind))
      await context.addInitScript(watchControls)
    }
    if (process.env.DASHBOARD) await serveFrom(process.env.DASHBOARD, context)
    // Checks read rows of all kinds, which the page only shows on request.
    if (everything) await context.addInitScript(() => location.protocol === 'http:' && localStorage.setItem('livetape.everything', '1'))
    const visit = new Visit()
    visit.context = context
    visit.page = await context.newPage()
    visit.origin = new URL(url).origin
    visit.page.setDefaultTimeout(15_000)
    visit.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) visit.#complaints.push(message.text())
    })
    visit.page.on('pageerror', (error) => visit.#complaints.push(`threw ${error.stack}`))
    // Requests of the whole context include the worker's.
    context.on('request', (request) => visit.#asked.push(request.url()))
    if (watched) visit.page.on('websocket', (socket) => visit.#asked.push(socket.url()))
    await visit.page.goto(new URL(where, url).href)
    if (ready) await visit.page.locator('.link-open').waitFor()
    return visit
  }

  /** Takes a screenshot. */
  async picture(folder, name) {
    await this.page.screenshot({ path: path.join(folder, `${name}.png`) })
  }

  /** Asserts that axe finds no accessibility violations, including best practices. */
  async axe() {
    // The debugger may inject a script; the page's content security policy forbids it to everything else.
    if (!(await this.page.evaluate(() => 'axe' in globalThis))) await this.page.evaluate(await readFile(AXE, 'utf8'))
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`)
    assert.deepEqual(told, [], 'accessibility')
    return true
  }

  /** Asserts that the console shows only expected errors, and that all requests but expected ones went to the server. */
  clean(...expected) {
    // Checks read the timeline's canvas, more than once if it is drawn late, which Chromium comments on.
    const isExpected = (text) => [/willReadFrequently/, ...expected].some((pattern) => pattern.test(text))
    assert.deepEqual(this.#complaints.filter((line) => !isExpected(line)), [], 'console')
    const own = new Set([this.origin, this.origin.replace(/^http/, 'ws')])
    const foreign = this.#asked.filter((url) => !own.has(url.startsWith('blob:') ? new URL(url.slice(5)).origin : new URL(url).origin))
    assert.deepEqual(foreign.filter((url) => !isExpected(url)), [], 'requests to others')
    assert.ok(this.#asked.length > 0, 'requests are recorded')
    return this.#asked.length
  }

  /** Closes the page, after the same assertions. */
  async leave(...expected) {
    const asked = this.clean(...expected)
    await this.close()
    return asked
  }

  async close() {
    await this.context.close()
  }
}
