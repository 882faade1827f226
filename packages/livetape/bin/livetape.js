#!/usr/bin/env node
// Runs the program with the same arguments, and exits with its code.

'use strict'

const { spawn } = require('node:child_process')
const { constants } = require('node:os')

/** Returns the path of the program. If its package is missing, a stack would only hide the advice. */
function find() {
  try {
    return require('../index.js').path
  } catch ({ message }) {
    console.error(message)
    process.exit(1)
  }
}

const path = find()
const child = spawn(path, process.argv.slice(2), { stdio: 'inherit' })
for (const signal of ['SIGBREAK', 'SIGHUP', 'SIGINT', 'SIGTERM']) {
  // A terminal sends Ctrl+C to both, and a second signal would kill the program at once. So does Windows with everything that it has, where `kill` would
  // not let the program end by itself.
  process.on(signal, () => process.platform === 'win32' || (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
}
child.on('error', ({ message }) => {
  console.error(`cannot run ${path}: ${message}`)
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal]
})
