"""The bot of `examples/projects/python` with a bug planted into it. `--list` prints the names of all bugs.

`planted.mjs` has a bug for each case. Here is one for each way to fail, because programs in Python end, print and connect in
their own way.
"""

import os
import sys
from pathlib import Path

BOT = Path(__file__).parents[2] / "examples/projects/python/bot.py"
# Each replaces a part of the bot.
BUGS = {
    "python_only_repeat_end": (
        'self.diamonds += data["diamonds"]',
        'self.diamonds += (data["giftType"] != 1 or data["repeatEnd"]) and data["repeatCount"] * data["diamondCount"]',
    ),
    "python_crashes_on_missing_user": ('if sender := data["sender"]:', 'if (sender := data["sender"])[0]:'),
    "python_exits_when_closed": ("max_attempts=math.inf", "max_attempts=0"),
    "python_no_backoff": ("max_delay=5", "max_delay=0.05"),
}

bug = os.environ.get("BUG")
if "--list" in sys.argv:
    print(*BUGS, sep="\n")
    sys.exit()
right, wrong = BUGS[bug]
source = BOT.read_text()
if source.count(right) != 1:
    sys.exit(f"{BOT} has no place for {bug}")
exec(compile(source.replace(right, wrong), BOT, "exec"))
