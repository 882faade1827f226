/** Uploads of recordings and captures. */

import { signal } from '@preact/signals'
import { freeName, nameOf } from '../lib/recording.ts'
import { texts } from '../texts.ts'
import { Problem, putFile } from './api.ts'
import { attempt, failureOf, report } from './messages.ts'
import { path, recordings, refresh } from './recordings.ts'
import type { ListedRecording } from './rest.ts'
import { playOrAsk } from './transport.ts'

const say = texts.recordings

export const upload = signal<{ name: string; percent: number } | undefined>(undefined)

/** First bytes of a recording. */
const MAGIC = '\x89LTAP'
const isRecording = async (file: Blob): Promise<boolean> =>
  new TextDecoder('latin1').decode(await file.slice(0, MAGIC.length).arrayBuffer()).endsWith(MAGIC.slice(1))

/** Uploads files one after the other. The server imports those that are not recordings. */
export async function uploadAll(files: Iterable<File>): Promise<void> {
  for (const file of files) await inTurn(() => store(file, nameOf(file.name)))
}

let turn: Promise<unknown> = Promise.resolve()

/** Uploads that a message offers wait for those in progress, too. */
function inTurn(work: () => Promise<void>): Promise<void> {
  const done = turn.then(work)
  turn = done.catch(() => undefined)
  return done
}

async function store(file: File, name: string, replaces = false): Promise<void> {
  const progress = (part: number): void => {
    upload.value = { name, percent: Math.round(part * 100) }
  }
  progress(0)
  const done = await attempt(async () => {
    const query = [...((await isRecording(file)) ? [] : ['import=1']), ...(replaces ? ['force=1'] : [])].join('&')
    try {
      return await putFile<ListedRecording>(`${path(name)}${query && `?${query}`}`, file, progress)
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'output_exists') throw error
      offer(file, name, error)
      return undefined
    }
  })
  upload.value = undefined
  await refresh()
  if (!done) return
  const title = done.import ? say.imported(name, done.import.format, done.import.complete) : say.uploaded(name)
  report(title, done.import?.summary ?? '', [{ label: say.play, run: () => playOrAsk(name) }])
}

/** Offers what to do with a file whose name another recording has. */
function offer(file: File, name: string, problem: Problem): void {
  const other = freeName(name, recordings.value.map(({ name: taken }) => taken))
  failureOf(problem, [
    { label: say.replace, run: () => void inTurn(() => store(file, name, true)) },
    { label: say.uploadAs(other), run: () => void inTurn(() => store(file, other)) },
  ])
}
