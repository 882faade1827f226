// Frames and recordings as events, without a server.

import { text } from './check.cjs'
import { bad, LivetapeError, request } from './errors.cjs'
import type { LivetapeEvent } from './events.cjs'
import { native, type NativePass, type NativeRecording } from './native.cjs'

/** Decodes a binary message of TikTok's WebSocket. A damaged frame yields what could be read. */
export function decode(frame: ArrayBufferView): LivetapeEvent[] {
  if (!ArrayBuffer.isView(frame)) throw bad('the frame is not a Buffer')
  return native.decode(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)).map((json) => JSON.parse(json) as LivetapeEvent)
}

/**
 * The events of a recording, read while they are iterated. Each loop starts at the first event. After the last one that can be read, a loop
 * over a truncated or damaged recording throws `incomplete_recording`.
 */
export class Recording implements AsyncIterable<LivetapeEvent> {
  readonly #recording: NativeRecording
  /** The loop that started last. */
  #pass: NativePass | undefined

  /** @internal */
  constructor(recording: NativeRecording) {
    this.#recording = recording
  }

  /** Describes what the loop that started last has found missing so far; `null` if nothing is missing. */
  async loss(): Promise<string | null> {
    return (await this.#pass?.loss()) ?? null
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LivetapeEvent, void, undefined> {
    const pass = await request(() => this.#recording.pass())
    this.#pass = pass
    for (let events; (events = await request(() => pass.next())).length > 0; ) {
      for (const json of events) yield JSON.parse(json) as LivetapeEvent
    }
    const loss = await request(() => pass.loss())
    if (loss !== null) throw new LivetapeError('incomplete_recording', `the recording is incomplete: ${loss}`, 'catch this error to go on with the events before it, which are all that can be read')
  }
}

/** Opens a recording: a path, a name in the folder `recordings`, or `demo`. */
export async function readRecording(path: string): Promise<Recording> {
  return new Recording(await request(() => native.openRecording(text('recording', path))))
}
