// HAR files of Playwright, with frames embedded, attached, or in an archive.

import { rm } from 'node:fs/promises'
import path from 'node:path'

import { chromium as engine } from 'playwright-core'

import { withSite } from './shared.mjs'

/** Resolves when Playwright itself has seen this many frames. */
function framesReceived(page, count) {
  return new Promise((resolve) => {
    page.on('websocket', (socket) => socket.on('framereceived', () => --count || resolve()))
  })
}

/** Records a page that is connected to the mock, and returns the file. */
export async function recordHar({ chromium, folder }, { socketUrl, frames, content, ending }) {
  const har = path.join(folder, `playwright-${content}${ending === '.zip' ? '-zip' : ''}`, `show${ending}`)
  await rm(path.dirname(har), { recursive: true, force: true })
  return withSite({ socketUrl, frames }, async (site) => {
    const browser = await engine.launch({ executablePath: chromium, args: ['--no-sandbox'] })
    try {
      const context = await browser.newContext({ recordHar: { path: har, content } })
      const page = await context.newPage()
      // The extra frame is the answer to the heartbeat.
      const areTraced = framesReceived(page, frames + 1)
      await page.goto(site.url)
      site.go()
      // The page may receive frames before Playwright does, and the file only contains frames that Playwright saw before closing.
      await Promise.all([site.isDone, areTraced])
      // Closing the context writes the file.
      await context.close()
      return har
    } finally {
      await browser.close()
    }
  })
}
