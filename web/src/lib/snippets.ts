/** Code that connects to the feed, to copy. */

export const LANGUAGES = ['browser', 'node', 'python', 'obs'] as const
export type Language = (typeof LANGUAGES)[number]

/** Takes the place of a token, which never appears on the page. */
const TOKEN = 'YOUR_TOKEN'

/** Returns code for a language. `feed` is the URL of the feed, `overlay` that of an overlay. */
export function snippet(language: Language, feed: string, overlay: string, needsToken: boolean): string {
  const withToken = needsToken ? `${feed}?token=${TOKEN}` : feed
  switch (language) {
    case 'browser':
      return `const feed = new WebSocket('${withToken}')
feed.onmessage = ({ data }) => {
  const event = JSON.parse(data)
  console.log(event.type, event.data)
}`
    case 'node':
      return `// Node 22 or later; the package @livetape/client also reconnects
const feed = new WebSocket('${withToken}')
feed.addEventListener('message', ({ data }) => {
  const event = JSON.parse(data)
  if (event.type === 'gift') console.log(event.data.sender, event.data.giftName)
})`
    case 'python':
      return `# pip install websockets
import asyncio, json, websockets

async def main():
    async with websockets.connect("${withToken}") as feed:
        async for message in feed:
            event = json.loads(message)
            print(event["type"], event.get("data"))

asyncio.run(main())`
    case 'obs':
      return `${overlay}?url=${encodeURIComponent(feed)}${needsToken ? `&token=${TOKEN}` : ''}`
  }
}

/** Returns a test with `@livetape/testing` that plays a range of a recording. Offsets are in ms. */
export function testSnippet(recording: string, fromMs: number, toMs: number): string {
  const name = JSON.stringify(recording === 'demo' ? recording : `recordings/${recording}.bin`)
  return `import { test } from '@livetape/testing/vitest'

test('my overlay shows this moment', async ({ startTape }) => {
  const tape = await startTape({ recording: ${name}, start: ${fromMs / 1000}, end: ${toMs / 1000}, speed: 'max' })
  // Connect your overlay to tape.url, then:
  await tape.waitForClients(1)
  await tape.finished()
})`
}
