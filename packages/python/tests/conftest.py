"""Tests of the package from its sources; `LIVETAPE_BIN` is the program, by default the one that cargo built."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from livetape import LivetapeError

ROOT = Path(__file__).parents[3]

os.environ.setdefault("LIVETAPE_BIN", str(ROOT / "target/debug/livetape"))
# For pytest runs within tests, which do without the entry point of the installed package.
os.environ["PYTHONPATH"] = str(ROOT / "packages/python/src")
os.environ["PYTEST_PLUGINS"] = "livetape.plugin"

pytest_plugins = ["livetape.plugin", "pytester"]


@contextmanager
def fails(code, match=None):
    """Like `pytest.raises`, for an error with this code."""
    with pytest.raises(LivetapeError, match=match) as failed:
        yield failed
    assert failed.value.code == code
