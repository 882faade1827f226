"""The error that everything here raises."""

from __future__ import annotations

from math import inf
from typing import Any


class LivetapeError(Exception):
    """A failure with a stable code, a message and a hint.

    The README lists the codes.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, close_code: int | None = None) -> None:
        super().__init__(f"{message}\n  hint: {hint}" if hint else message)
        self.code = code
        self.message = message
        self.hint = hint
        self.close_code = close_code  #: The close code, if the failure closed a socket.


def check_number(name: str, value: Any, *, is_whole: bool = True) -> None:
    """Raise unless a value is a number from 0."""
    if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)) or not 0 <= value < inf:
        raise LivetapeError("bad_request", f"`{name}` is {value!r}", f"choose a {'whole ' * is_whole}number from 0")


def check_path(path: str) -> None:
    """Raise unless a path of a request begins with a slash."""
    if not path.startswith("/"):
        raise LivetapeError("bad_request", f"the path `{path}` does not begin with a slash", f"use `/{path}`")
