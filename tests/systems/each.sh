#!/usr/bin/env bash
# each.sh PROGRAM ARGUMENT…: runs each test of PROGRAM in a process of its own, and names those that fail. Under Wine, Rust's library
# sometimes aborts when it reads a pipe, and would take all other tests with it.
set -euo pipefail
export program=$1
shift
test_alone() {
  local output
  if output=$(timeout 300 wine "$program" --exact "$1" 2>&1 </dev/null); then
    case $output in *'1 passed'*) echo "ok $1" ;; *) echo "ignored $1" ;; esac
  else
    printf '%s\nFAILED %s\n' "$output" "$1"
  fi
}
export -f test_alone
wine "$program" "$@" --list --format terse | tr -d '\r' | sed --quiet 's/: test$//p' |
  xargs --no-run-if-empty --max-procs 2 --max-args 1 bash -c 'test_alone "$0"' | tee /tmp/each.txt
echo "$(grep --count '^ok ' /tmp/each.txt || true) passed"
! grep '^FAILED ' /tmp/each.txt
