// Pages in Debian's Chromium, with records of their console errors and requests.

import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { chromium } from 'playwright-core'
import { onTestFinished } from 'vitest'

import { chromiumWith, letPagesFromDisk } from '../../../tests/support/livetape.mjs'

letPagesFromDisk()

/** A background as in an OBS scene, behind a transparent page. */
export const BACKDROP = 'linear-gradient(135deg, #245, #a63)'

const EXAMPLES = new URL('../../../examples/', import.meta.url)
export const PICTURES = path.resolve(process.env.PICTURES ?? fileURLToPath(new URL('../../../target/client', import.meta.url)))

export async function launch(...flags) {
  await mkdir(PICTURES, { recursive: true })
  return chromium.launch(chromiumWith(...flags))
}

/** The `file:` URL of an example, with its options. */
export function example(name, options = {}) {
  const url = new URL(name, EXAMPLES)
  url.search = new URLSearchParams(options).toString()
  return url.href
}

/** Whether Chromium itself logged a broken connection: that of a WebSocket, or of the request that asks for the reason. */
export const isBroken = (line) => /^WebSocket connection to|^Failed to load resource: net::ERR_/.test(line)

export const ofDisk = (file) => pathToFileURL(file).href

/** Opens a page, which is closed with its test. */
export async function open(browser, url, { width = 480, height = 360, backdrop } = {}) {
  const context = await browser.newContext({ viewport: { width, height } })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const [complaints, asked] = [[], []]
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(`threw ${error.stack}`))
  context.on('request', (request) => asked.push(request.url()))
  page.on('websocket', (socket) => asked.push(socket.url()))
  await page.goto(url)
  // A background as in an OBS scene, behind the transparent page.
  const picture = async (name) => {
    const style = backdrop && (await page.addStyleTag({ content: `html { background: ${backdrop} !important }` }))
    await page.screenshot({ path: path.join(PICTURES, `${name}.png`) })
    await style?.evaluate((element) => element.remove())
  }
  /** Requests to other hosts than these servers. */
  const foreign = (...servers) => asked.filter((address) => !['file:', 'blob:'].includes(new URL(address).protocol) && !servers.includes(new URL(address).host))
  return { page, complaints, foreign, asked: () => asked, picture, close: () => context.close() }
}
