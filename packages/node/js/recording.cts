// Frames and recordings as events, without a server.

import { text } from './check.cjs'
import { bad, request } from './errors.cjs'
import type { LivetapeEvent } from './events.cjs'
import { native, type NativeRecording } from './native.cjs'

/** Decodes a binary message of TikTok's WebSocket. A damaged frame yields what could be read. */
export function decode(frame: Uint8Array): LivetapeEvent[] {
  if (!(frame instanceof Uint8Array)) throw bad('the frame is not a Buffer')
  return native.decode(Buffer.from(frame)).map((json) => JSON.parse(json) as LivetapeEvent)
}

/** The events of a recording, read while they are iterated. */
export class Recording implements AsyncIterable<LivetapeEvent> {
  readonly #recording: NativeRecording

  /** @internal */
  constructor(recording: NativeRecording) {
    this.#recording = recording
  }

  /** Describes what has been missing so far; `null` if nothing is missing. */
  loss(): Promise<string | null> {
    return this.#recording.loss()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LivetapeEvent, void, undefined> {
    for (let events; (events = await request(() => this.#recording.next())).length > 0; ) {
      for (const json of events) yield JSON.parse(json) as LivetapeEvent
    }
  }
}

/** Opens a recording: a path, a name in the folder `recordings`, or `demo`. */
export async function readRecording(path: string): Promise<Recording> {
  return new Recording(await request(() => native.openRecording(text('recording', path))))
}
