/** Files that are dropped beside the list of recordings: without this, the browser opens them in place of the page. */

const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false

function refuse(event: DragEvent): void {
  // What takes the file has said so.
  if (event.defaultPrevented || !hasFiles(event)) return
  event.preventDefault()
  if (event.dataTransfer) event.dataTransfer.dropEffect = 'none'
}

export function refuseDrops(): void {
  addEventListener('dragover', refuse)
  addEventListener('drop', refuse)
}
