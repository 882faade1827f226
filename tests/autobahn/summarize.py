#!/usr/bin/env python3
"""summarize.py reports/index.json [CASE...]: counts results; exits with 1 unless each case is OK, INFORMATIONAL or UNIMPLEMENTED.
The given CASEs may also be NON-STRICT."""
import collections
import json
import sys

# `quick` runs 247 cases; a suite that breaks off has fewer.
CASES_MIN = 240
lenient = set(sys.argv[2:])
fine = ("OK", "INFORMATIONAL", "UNIMPLEMENTED")
reports = json.load(open(sys.argv[1]))
is_bad = not reports
for agent, cases in reports.items():
    behaviors = collections.Counter(case["behavior"] for case in cases.values())
    closes = collections.Counter(case["behaviorClose"] for case in cases.values())
    print(f"{agent}: {len(cases)} cases {dict(behaviors)} close={dict(closes)}")
    for name, case in sorted(cases.items()):
        passed = case["behavior"] in fine or (case["behavior"] == "NON-STRICT" and name in lenient)
        if not passed or case["behaviorClose"] not in fine:
            print(f"  {name}: {case['behavior']}, close {case['behaviorClose']}")
            is_bad = True
    if len(cases) < CASES_MIN:
        print(f"  only {len(cases)} cases ran, of at least {CASES_MIN}")
        is_bad = True
sys.exit(is_bad)
