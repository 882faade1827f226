/** Code that connects to the feed, and tests, to copy. */

import { DEMO, moment } from './recording.ts'

export const LANGUAGES = ['browser', 'node', 'python', 'obs'] as const
export type Language = (typeof LANGUAGES)[number]

/** Takes the place of a token, which never appears on the page. */
export const TOKEN = 'YOUR_TOKEN'

/** Returns code for a language. `feed` is the URL of the feed, `overlay` that of an overlay; `token` is empty if the server requires none. */
export function snippet(language: Language, feed: string, overlay: string, token: string): string {
  const withToken = token ? `${feed}?token=${encodeURIComponent(token)}` : feed
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
      return `${overlay}?url=${encodeURIComponent(feed)}${token && `&token=${encodeURIComponent(token)}`}`
  }
}

export const TEST_LANGUAGES = ['vitest', 'pytest', 'rust', 'shell'] as const
export type TestLanguage = (typeof TEST_LANGUAGES)[number]

/** Totals of a client that a test can compare with those of the server. */
export type Total = 'chats' | 'diamonds' | 'likes' | 'joins' | 'follows' | 'shares' | 'subscribes' | 'viewers'

/** What a test plays, and which total it checks at the end. Offsets are in ms. */
export interface Part {
  recording: string
  fromMs: number
  /** End of the range (exclusive). */
  toMs: number
  total: Total
  /** A case of `livetape test`, which is played as a whole. */
  case?: string | undefined
}

/** The total that an event changes, by its type, or by the action of a `social` event. */
const TOTALS = new Map<unknown, Total>([
  ['chat', 'chats'],
  ['like', 'likes'],
  ['member', 'joins'],
  ['subscribe', 'subscribes'],
  ['room_user', 'viewers'],
  ['follow', 'follows'],
  ['share', 'shares'],
])

/** The total that an event changes; diamonds if there is none. */
export const totalOf = (type: string, action: unknown): Total => TOTALS.get(type === 'social' ? action : type) ?? 'diamonds'

/** The timeout of a fixture in a case, in ms: clients have 30 s to come back. */
const CASE_MS = 60_000

/** Returns a test of a client, which plays a part of a recording, or a case, and compares a total with `GET /truth`. */
export function testSnippet(language: TestLanguage, part: Part): string {
  const { fromMs, toMs, total, case: played } = part
  // A case is a recording of its own in the dashboard.
  const recording = played === undefined ? part.recording : part.recording.replace(` (${played})`, '')
  const path = recording === DEMO ? recording : `recordings/${recording}.bin`
  const name = JSON.stringify(path)
  const [start, end] = [fromMs / 1000, toMs / 1000]
  const title = `${total} are right ${played === undefined ? `at ${moment(toMs)}` : `in the case ${played}`}`
  // For cmd.exe, too, unless only a shell of Unix has such names.
  const quoted = (text: string): string =>
    /^[\w./-]+$/.test(text) ? text : /["$`\\!%]/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : `"${text}"`
  switch (language) {
    case 'vitest':
      return `import { expect } from 'vitest'
import { test } from '@livetape/testing/vitest'
import { startBot } from './bot.js' // yours: connects to the URL, and adds up

test('${title}', async ({ startTape }) => {
  const tape = await startTape({ recording: ${name}, ${played !== undefined ? `case: '${played}', timeout: ${CASE_MS}` : `${start > 0 ? `start: ${start}, ` : ''}end: ${end}`}, speed: 'max' })
  const bot = startBot(tape.url)
  await tape.finished()
  const { ${total} } = await tape.truth()
  await expect.poll(() => bot.${total}).toBe(${total})
  bot.stop()
}${played === undefined ? '' : `, ${2 * CASE_MS}`})
`
    case 'pytest':
      return `import pytest
from bot import start_my_bot  # yours: connects to the URL, and adds up


@pytest.mark.livetape(${name}, ${played !== undefined ? `case="${played}"` : `${start > 0 ? `start=${start}, ` : ''}end=${end}`}, speed="max")
def test_${title.replaceAll(/\W+/g, '_')}(livetape):
    bot = start_my_bot(livetape.url)
    livetape.finished()
    expected = livetape.truth()["${total}"]
    livetape.stop()  # closes the feed
    assert bot.${total}() == expected
`
    case 'rust':
      return `${played === undefined ? 'use std::time::Duration;\n\n' : ''}use livetape_testing::{Speed, Tape};

#[tokio::test]
async fn ${title.replaceAll(/\W+/g, '_')}() {
${played === undefined ? `    let end = Duration::from_millis(${toMs});\n` : ''}    let tape = Tape::replay(${name})${played !== undefined ? `.case("${played}")` : `${start > 0 ? `.start_at(Duration::from_millis(${fromMs}))` : ''}.end_at(end)`}.speed(Speed::Max).start().await;
    // Yours: reads the feed until it closes, and returns its total.
    let bot = tokio::spawn(my_bot(tape.ws_url()));
    tape.finished().await;
    let expected = tape.truth().${total};
    drop(tape); // closes the feed
    assert_eq!(bot.await.unwrap(), expected);
}
`
    case 'shell':
      return `# Tests a bot that prints lines such as "${total}: 5"
${played !== undefined ? `livetape test ${quoted(path)} --case ${played}` : `livetape cut ${quoted(path)} ${start > 0 ? `--from ${fromMs}ms ` : ''}--to ${toMs}ms -o moment.bin
livetape test moment.bin --case plain`} --expect "${total}: {${total}}" -- node bot.js
`
  }
}
