/** Ignores files dropped outside the list of recordings: otherwise the browser would open them in place of the page. */

const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false

function refuse(event: DragEvent): void {
  // An element that accepts the file has already prevented the default.
  if (event.defaultPrevented || !hasFiles(event)) return
  event.preventDefault()
  if (event.dataTransfer) event.dataTransfer.dropEffect = 'none'
}

export function refuseDrops(): void {
  addEventListener('dragover', refuse)
  addEventListener('drop', refuse)
}
