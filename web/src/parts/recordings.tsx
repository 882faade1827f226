/** The list of recordings, with their actions, and files that are dropped on the page. */

import { signal, useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { titleOf } from '../failures.ts'
import { bytes, grouped, offsetTime } from '../lib/format.ts'
import { isolate, plain } from '../lib/plain.ts'
import { DEMO } from '../lib/recording.ts'
import { download, info, recordings, remove, rename } from '../state/recordings.ts'
import type { ListedRecording, RecordingDetails } from '../state/rest.ts'
import { features, health, readOnly, shownRecording, status } from '../state/server.ts'
import { asked, load, playOrAsk } from '../state/transport.ts'
import { upload, uploadAll } from '../state/uploads.ts'
import { texts } from '../texts.ts'
import { Facts, IconButton, submits } from './buttons.tsx'
import { Confirm, Dialog } from './dialogs.tsx'
import { Foreign, Sentence } from './foreign.tsx'
import { Icon } from './icons.tsx'
import { Report } from './snackbar.tsx'

const say = texts.recordings

export function Recordings() {
  const picker = useRef<HTMLInputElement>(null)
  if (!features.value.recordings) return null
  return (
    <section class="panel recordings" aria-labelledby="recordings-title">
      <div class="panel-head">
        <h2 id="recordings-title">{say.title}</h2>
        <button type="button" class="button small" title={say.drop} disabled={readOnly.value} onClick={() => picker.current?.click()}>
          <Icon name="upload" />
          {say.upload}
        </button>
        <input
          ref={picker}
          class="hidden"
          type="file"
          accept=".bin,.har,.zip,.jsonl,.ndjson,.json,.mitm,.flow,.flows,.gz"
          multiple
          tabIndex={-1}
          aria-label={say.upload}
          onChange={({ currentTarget }) => {
            void uploadAll([...(currentTarget.files ?? [])])
            currentTarget.value = ''
          }}
        />
      </div>
      {upload.value && (
        <div class="uploading">
          <label for="upload-progress"><Sentence text={say.uploading(upload.value.name, upload.value.percent)} /></label>
          {/* At 100 percent the server imports or checks the file; how long that takes is unknown. */}
          <progress id="upload-progress" max={100} value={upload.value.percent < 100 ? upload.value.percent : undefined} />
        </div>
      )}
      <Report />
      {recordings.value.length === 0 && <p class="quiet">{say.empty}</p>}
      <ul class="tapes">
        {recordings.value.map((recording) => <Tape key={recording.name} recording={recording} />)}
      </ul>
    </section>
  )
}

function Tape({ recording }: { recording: ListedRecording }) {
  const { name, builtIn, privacy, problem } = recording
  const asking = useSignal<'' | 'download' | 'rename' | 'remove'>('')
  const isPrivate = privacy === 'private'
  const shown = useSignal<RecordingDetails | undefined>(undefined)
  const isLoaded = shownRecording.value === name
  const toggleInfo = async (): Promise<void> => {
    shown.value = shown.value ? undefined : await info(name)
  }
  const close = (): unknown => (asking.value = '')
  return (
    <li class={`tape-row ${isLoaded ? 'loaded' : ''}`}>
      <div class="tape-text">
        <Foreign class="tape" title={plain(name)} text={name} />
        <span class="quiet">
          {[
            recording.durationMs === null ? '' : offsetTime(recording.durationMs),
            bytes(recording.bytes),
            isLoaded ? say.loaded : '',
            builtIn ? (name === DEMO ? say.builtIn : say.ofCase) : '',
            isPrivate ? say.private : '',
            problem ? titleOf(problem) : '',
          ].filter(Boolean).join(' · ')}
        </span>
      </div>
      <div class="tape-actions" role="group" aria-label={say.actions(name)}>
        <IconButton class="small" icon="play" label={say.play} disabled={!health.value || readOnly.value} onClick={() => playOrAsk(name)} />
        <IconButton class="small" icon="info" label={say.info} pressed={shown.value !== undefined} onClick={() => void toggleInfo()} />
        <IconButton class="small" icon="download" label={say.download} onClick={() => (isPrivate ? (asking.value = 'download') : void download(name))} />
        {!builtIn && <IconButton class="small" icon="edit" label={say.rename} disabled={readOnly.value} onClick={() => (asking.value = 'rename')} />}
        {!builtIn && <IconButton class="small" icon="trash" label={say.remove} disabled={readOnly.value} onClick={() => (asking.value = 'remove')} />}
      </div>
      {shown.value && <Facts facts={factsOf(recording, shown.value)} />}
      {asking.value === 'download' && (
        <Confirm
          title={<Sentence text={say.downloadTitle(name)} />}
          details={say.downloadDetails}
          yes={say.download}
          onNo={close}
          onYes={() => {
            close()
            void download(name)
          }}
        />
      )}
      {asking.value === 'rename' && <Rename name={name} onClose={close} />}
      {asking.value === 'remove' && (
        <Confirm
          title={<Sentence text={say.removeTitle(name)} />}
          details={say.removeDetails}
          yes={say.remove}
          onNo={close}
          onYes={() => {
            close()
            void remove(name)
          }}
        />
      )}
    </li>
  )
}

/** Asks before a room is disconnected to play a recording. */
export function PlayQuestion() {
  const name = asked.value
  if (name === '') return null
  const close = (): unknown => (asked.value = '')
  return (
    <Confirm
      title={<Sentence text={say.playTitle(name)} />}
      details={<Sentence text={say.playDetails(status.value?.username ?? '')} />}
      yes={say.play}
      onNo={close}
      onYes={() => {
        close()
        void load(name)
      }}
    />
  )
}

function factsOf(recording: ListedRecording, { records, framesReceived, connectionCount, markers, lostInGaps, timeline }: RecordingDetails) {
  const types = Object.entries(timeline.types).map(([type, counts]) => [type, counts.reduce((sum, count) => sum + count, 0)] as const)
  const facts: [string, string][] = [
    [say.facts.user, plain(recording.user ?? '')],
    [say.facts.started, plain(recording.started ?? '')],
    [say.facts.source, plain(recording.source ?? '')],
    [say.facts.privacy, plain(recording.privacy ?? '')],
    [say.facts.sealed, recording.sealed ? say.facts.yes : say.facts.no],
    [say.facts.records, grouped(records)],
    [say.facts.frames, grouped(framesReceived)],
    [say.facts.connections, grouped(connectionCount)],
    [say.facts.markers, grouped(markers)],
    [say.facts.missing, grouped(lostInGaps + timeline.missingRecords)],
    [say.facts.events, types.sort((a, b) => b[1] - a[1]).slice(0, 8).map(([type, count]) => `${isolate(type)} ${grouped(count)}`).join(', ')],
  ]
  return facts.map(([name, value]) => [name, value && <bdi><Sentence text={value} /></bdi>] as const)
}

function Rename({ name, onClose }: { name: string; onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null)
  return (
    <Dialog title={<Sentence text={say.renameTitle(name)} />} onClose={onClose}>
      <form
        onSubmit={submits(() => {
          const to = field.current?.value.trim() ?? ''
          onClose()
          if (to !== '' && to !== name) void rename(name, to)
        })}
      >
        <label class="field">
          <span>{say.newName}</span>
          <input ref={field} type="text" defaultValue={name} autocomplete="off" spellcheck={false} required />
        </label>
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>{say.cancel}</button>
          <button type="submit" class="button primary">{say.rename}</button>
        </div>
      </form>
    </Dialog>
  )
}

/** Whether files are over the page. They can be dropped anywhere: the server stores recordings and imports captures. */
const isOver = signal(false)

const isWelcome = (): boolean => features.value.recordings && !readOnly.value

const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false

/** Without a handler the browser would open the file in place of the page. */
export function acceptDrops(): void {
  const over = (event: DragEvent): void => {
    if (!hasFiles(event)) return
    event.preventDefault()
    isOver.value = isWelcome()
    if (event.dataTransfer) event.dataTransfer.dropEffect = isOver.value ? 'copy' : 'none'
  }
  addEventListener('dragenter', over)
  addEventListener('dragover', over)
  addEventListener('dragleave', ({ relatedTarget }) => {
    // Leaving for another element of the page is not leaving it.
    if (!relatedTarget) isOver.value = false
  })
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    isOver.value = false
    if (isWelcome()) void uploadAll([...(event.dataTransfer?.files ?? [])])
  })
}

export function Drop() {
  if (!isOver.value) return null
  return (
    <div class="drop" aria-hidden="true">
      <p>{say.drop}</p>
      <p class="quiet">{say.formats}</p>
    </div>
  )
}
