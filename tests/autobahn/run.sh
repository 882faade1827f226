#!/bin/bash
# run.sh WSTEST URL AGENT OUTDIR [quick|full]: the Autobahn fuzzing client against a server that listens at URL and echoes text and binary.
#   quick: framing, pings, reserved bits, opcodes, fragmentation, UTF-8, close (247 cases, about 10 s)
#   full:  + 9.* (large messages, 54 cases) + 12.*/13.* (permessage-deflate, 216 cases; UNIMPLEMENTED when not negotiated)
# Exit 1 if any case is not OK, INFORMATIONAL or UNIMPLEMENTED, but for two that may be NON-STRICT.
set -euo pipefail
WSTEST=$1 URL=$2 AGENT=$3 OUT=$4 MODE=${5:-quick}; mkdir -p "$OUT"
EXC='["9.*","12.*","13.*"]'; [ "$MODE" = full ] && EXC='[]'
cat > "$OUT/spec.json" <<J
{"outdir": "$OUT/reports", "servers": [{"agent": "$AGENT", "url": "$URL"}], "cases": ["*"], "exclude-cases": $EXC, "exclude-agent-cases": {}}
J
timeout "${TIMEOUT:-900}" "$WSTEST" -m fuzzingclient -s "$OUT/spec.json" > "$OUT/wstest.log" 2>&1
# What axum (tungstenite) itself does later than it might: it looks at UTF-8 frame by frame, not byte by byte.
python3 "$(dirname "$0")/summarize.py" "$OUT/reports/index.json" 6.4.3 6.4.4
