// HAR of Playwright: with the frames in it, beside it, and in an archive.

import { rm } from 'node:fs/promises'
import path from 'node:path'

import { chromium as engine } from 'playwright-core'

import { withSite } from './shared.mjs'

/** Records a page that talks to the mock, and gives the file. */
export async function recordHar({ chromium, folder }, { socketUrl, frames, content, ending }) {
  const har = path.join(folder, `playwright-${content}${ending === '.zip' ? '-zip' : ''}`, `show${ending}`)
  await rm(path.dirname(har), { recursive: true, force: true })
  return withSite({ socketUrl, frames }, async (site) => {
    const browser = await engine.launch({ executablePath: chromium, args: ['--no-sandbox'] })
    try {
      const context = await browser.newContext({ recordHar: { path: har, content } })
      const page = await context.newPage()
      await page.goto(site.url)
      site.go()
      await site.isDone
      // It writes the file when the context is closed.
      await context.close()
      return har
    } finally {
      await browser.close()
    }
  })
}
