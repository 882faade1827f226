import { texts } from '../texts.ts'
import { failure, notice } from './messages.ts'

/** Copies a number of events, or something with a name, to the clipboard. `navigator.clipboard` exists only in secure contexts, such as HTTPS and loopback addresses. */
export async function copy(text: string, what: number | string): Promise<void> {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text)
    else if (!copyBySelection(text)) throw new Error('refused')
    notice(typeof what === 'string' ? texts.copied(what) : texts.feed.copied(what))
  } catch {
    failure(texts.errors.copy, texts.errors.copyDetails)
  }
}

function copyBySelection(text: string): boolean {
  const field = document.createElement('textarea')
  field.value = text
  document.body.append(field)
  field.select()
  const isCopied = document.execCommand('copy')
  field.remove()
  return isCopied
}
