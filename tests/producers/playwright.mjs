// HAR of Playwright: with the frames in it, beside it, and in an archive.

import { rm } from 'node:fs/promises'
import path from 'node:path'

import { chromium as engine } from 'playwright-core'

import { withSite } from './shared.mjs'

/** Until Playwright itself has seen so many frames. */
function framesReceived(page, count) {
  return new Promise((resolve) => {
    page.on('websocket', (socket) => socket.on('framereceived', () => --count || resolve()))
  })
}

/** Records a page that talks to the mock, and gives the file. */
export async function recordHar({ chromium, folder }, { socketUrl, frames, content, ending }) {
  const har = path.join(folder, `playwright-${content}${ending === '.zip' ? '-zip' : ''}`, `show${ending}`)
  await rm(path.dirname(har), { recursive: true, force: true })
  return withSite({ socketUrl, frames }, async (site) => {
    const browser = await engine.launch({ executablePath: chromium, args: ['--no-sandbox'] })
    try {
      const context = await browser.newContext({ recordHar: { path: har, content } })
      const page = await context.newPage()
      // The answer to the heartbeat comes beside.
      const areTraced = framesReceived(page, frames + 1)
      await page.goto(site.url)
      site.go()
      // The page may have them before Playwright does, and what that has not seen when it is closed is in no file.
      await Promise.all([site.isDone, areTraced])
      // It writes the file when the context is closed.
      await context.close()
      return har
    } finally {
      await browser.close()
    }
  })
}
