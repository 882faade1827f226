"""Tests of the package from its sources; `LIVETAPE_BIN` is the program, by default the one that cargo built."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[3]

os.environ.setdefault("LIVETAPE_BIN", str(ROOT / "target/debug/livetape"))
# For pytest runs within tests, which do without the entry point of the installed package.
os.environ["PYTHONPATH"] = str(ROOT / "packages/python/src")
os.environ["PYTEST_PLUGINS"] = "livetape.plugin"

pytest_plugins = ["livetape.plugin", "pytester"]
