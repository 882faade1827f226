// Runs other test runners.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

/** Runs a program outside this test run. Returns its exit code and what it printed. */
export function run(program, args, { cwd, env = {} }) {
  return new Promise((resolve) => {
    const outside = Object.entries(process.env).filter(([name]) => !/^(VITEST|JEST|TEST|FORCE_COLOR)/.test(name))
    const all = { ...Object.fromEntries(outside), CI: '1', NO_COLOR: '1', ...env }
    execFile(program, args, { cwd, env: all, maxBuffer: 16 << 20 }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, output: stdout + stderr }))
  })
}

/** Runs the Playwright of a project, whose config is that of this package. Returns the exit code, and the result of each test by file and title. */
export async function playwright(project, tests, env = {}) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'livetape-playwright-'))
  const report = path.join(folder, 'report.json')
  const args = [path.join(project, 'node_modules/@playwright/test/cli.js'), 'test', '--config', path.join(project, 'playwright.config.mjs')]
  const { code, output } = await run(process.execPath, args, { cwd: project, env: { TESTS: tests, REPORT: report, OUTPUT: path.join(folder, 'output'), ...env } })
  const { suites, errors } = JSON.parse(await readFile(report, 'utf8').catch(() => Promise.reject(new Error(output))))
  await rm(folder, { recursive: true, force: true })
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
  const specs = (suite) => [...suite.specs, ...(suite.suites ?? []).flatMap(specs)]
  const results = suites.flatMap((suite) => specs(suite).map((spec) => [`${suite.file} ${spec.title}`, spec.tests[0].results[0]]))
  return { code, results: Object.fromEntries(results) }
}
