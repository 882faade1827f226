#!/bin/bash
# run.sh WSTEST URL AGENT OUTDIR [quick|full]: runs the Autobahn fuzzing client against a server at URL that echoes text and binary messages.
#   quick: framing, pings, reserved bits, opcodes, fragmentation, UTF-8, close (247 cases, about 10 s)
#   full:  + 9.* (large messages, 54 cases) + 12.*/13.* (permessage-deflate, 216 cases; UNIMPLEMENTED when not negotiated)
# Exits with 1 if any case is not OK, INFORMATIONAL or UNIMPLEMENTED, except two that may be NON-STRICT.
set -euo pipefail
WSTEST=$1 URL=$2 AGENT=$3 OUT=$4 MODE=${5:-quick}; mkdir -p "$OUT"
EXC='["9.*","12.*","13.*"]'; [ "$MODE" = full ] && EXC='[]'
cat > "$OUT/spec.json" <<J
{"outdir": "$OUT/reports", "servers": [{"agent": "$AGENT", "url": "$URL"}], "cases": ["*"], "exclude-cases": $EXC, "exclude-agent-cases": {}}
J
# On a busy machine this takes minutes, so progress is printed.
PYTHONUNBUFFERED=1 timeout "${TIMEOUT:-900}" "$WSTEST" -m fuzzingclient -s "$OUT/spec.json" 2>&1 | tee "$OUT/wstest.log" |
  awk '/Running test case/ && ++cases % 50 == 0 { print cases " cases"; fflush() }'
# axum (tungstenite) validates UTF-8 per frame instead of per byte, and so fails later than it could.
python3 "$(dirname "$0")/summarize.py" "$OUT/reports/index.json" 6.4.3 6.4.4
