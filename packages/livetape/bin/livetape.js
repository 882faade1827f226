#!/usr/bin/env node
// Runs the program with the same arguments, and exits with its code.

'use strict'

const { spawn } = require('node:child_process')
const { constants } = require('node:os')
const { path } = require('../index.js')

const child = spawn(path, process.argv.slice(2), { stdio: 'inherit' })
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) {
  // A terminal sends Ctrl+C to both, and a second signal would kill the program at once.
  process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
}
child.on('error', ({ message }) => {
  console.error(`cannot run ${path}: ${message}`)
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal]
})
