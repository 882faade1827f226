/** Whether times are judged: not by CI, whose machine may be slow or busy, but by `cargo xtask nightly times`. */
export const JUDGES_TIMES = process.env.JUDGE_TIMES === '1'

/** Other load can only slow a measurement down, so the best of three runs counts. */
export const RETRIES = JUDGES_TIMES ? 2 : 0
