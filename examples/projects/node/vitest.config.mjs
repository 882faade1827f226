// Patience for a busy machine: a test that passes needs about a second.
export default { test: { testTimeout: 30_000, expect: { poll: { timeout: 10_000 } } } }
