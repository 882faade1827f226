/** Files can be dropped anywhere on the page: the server stores recordings and imports captures. */

import { signal } from '@preact/signals'
import { features } from '../state/features.ts'
import { readOnly } from '../state/server.ts'
import { uploadAll } from '../state/uploads.ts'
import { texts } from '../texts.ts'

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
      <p>{texts.recordings.drop}</p>
      <p class="quiet">{texts.recordings.formats}</p>
    </div>
  )
}
