// Copies a text: for /overlays/ and the dashboard.

'use strict'

/** Copies a text, and returns whether the browser did. `navigator.clipboard` exists only in secure contexts, such as HTTPS and loopback addresses. */
globalThis.copyText = async (text) => (await navigator.clipboard?.writeText(text).then(() => true, () => false)) || copyBySelection(text)

function copyBySelection(text) {
  const field = document.createElement('textarea')
  field.value = text
  document.body.append(field)
  field.select()
  const isCopied = document.execCommand('copy')
  field.remove()
  return isCopied
}
