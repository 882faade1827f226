// Turns the snippets that `livetape mock` prints for clients into programs, with listeners that print events.

/** Returns the lines below the title that starts with `title`, without their indent. */
export function linesFor(title, said) {
  const lines = said.split('\n')
  const start = lines.findIndex((line) => line.startsWith(title))
  if (start < 0) throw new Error(`the mock prints no snippet for ${title}:\n${said}`)
  const rest = lines.slice(start + 1)
  const length = rest.findIndex((line) => !line.startsWith('    '))
  return rest.slice(0, length).map((line) => line.slice(4))
}

/** As in peer.mjs: on a busy machine the end, which is not compressed, overtakes frames in the thread pool. */
const UNZIP_AT_ONCE = `((zlib) => { zlib.unzip = (bytes, done) => done(null, zlib.unzipSync(bytes)) })(require('node:zlib'))
    require('node:module').syncBuiltinESMExports()`

/** A program for Node, importing the package by its installed name. */
export function nodeProgram(lines, installed) {
  return `${UNZIP_AT_ONCE}
    ${lines.join('\n').replaceAll('tiktok-live-connector', installed)}
    const print = (line) => console.log(JSON.stringify(line))
    for (const type of ['chat', 'gift', 'like', 'member']) connection.on(type, () => print({ type }))
    connection.on('streamEnd', () => print({ type: 'streamEnd' }))
    connection.on('error', (error) => print({ type: 'problem', error }))
    connection.on('disconnected', () => process.exit(0))`
}

/** A program for Python. The last line runs the client and does not return. */
export function pythonProgram(lines) {
  return `import json
from TikTokLive.events import CommentEvent, GiftEvent, JoinEvent, LikeEvent, LiveEndEvent
${lines.slice(0, -1).join('\n')}
def show(type):
    return lambda event: print(json.dumps({"type": type}), flush=True)
for event, type in [(CommentEvent, "chat"), (GiftEvent, "gift"), (LikeEvent, "like"), (JoinEvent, "member"), (LiveEndEvent, "streamEnd")]:
    client.add_listener(event, show(type))
${lines.at(-1)}`
}
