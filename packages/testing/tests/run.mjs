// Runs other test runners.

import { execFile } from 'node:child_process'

/** Runs a program outside this test run. Returns its exit code and what it printed. */
export function run(program, args, { cwd, env = {} }) {
  return new Promise((resolve) => {
    const outside = Object.entries(process.env).filter(([name]) => !/^(VITEST|JEST|TEST|FORCE_COLOR)/.test(name))
    const all = { ...Object.fromEntries(outside), CI: '1', NO_COLOR: '1', ...env }
    execFile(program, args, { cwd, env: all, maxBuffer: 16 << 20 }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, output: stdout + stderr }))
  })
}
