// Runs in a page, for tests that look at how smooth it is.

/** Records the times between frames, in ms. */
export function watchFrames() {
  globalThis.gaps = []
  let last
  const frame = (now) => {
    if (last !== undefined) gaps.push(now - last)
    last = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}
