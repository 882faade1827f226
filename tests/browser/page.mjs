// A page in Chromium that records its requests and console errors.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

export class Visit {
  #complaints = []
  #asked = []

  static async open(browser, url, { width = 1440, height = 900, scheme = 'light', path: where = '/', ready = true, sockets = true } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      acceptDownloads: true,
      reducedMotion: 'reduce',
      permissions: ['clipboard-read', 'clipboard-write'],
    })
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
    // Each message of a watched socket passes through this process, so busy checks turn this off.
    if (sockets) visit.page.on('websocket', (socket) => visit.#asked.push(socket.url()))
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
    await this.page.evaluate(await readFile(AXE, 'utf8'))
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`)
    assert.deepEqual(told, [], 'accessibility')
    return true
  }

  /** Asserts that the console shows only expected errors and that all requests went to the server. */
  clean(...expected) {
    const strange = this.#complaints.filter((line) => !expected.some((pattern) => pattern.test(line)))
    assert.deepEqual(strange, [], 'console')
    const own = new Set([this.origin, this.origin.replace(/^http/, 'ws')])
    const foreign = this.#asked.filter((url) => !own.has(url.startsWith('blob:') ? new URL(url.slice(5)).origin : new URL(url).origin))
    assert.deepEqual(foreign, [], 'requests to others')
    assert.ok(this.#asked.length > 1, 'requests are recorded')
    return this.#asked.length
  }

  async close() {
    await this.context.close()
  }
}
