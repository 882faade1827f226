"""The error that everything here raises."""

from __future__ import annotations


class LivetapeError(Exception):
    """A failure with a stable code, a message and a hint.

    `code` is one of the server's codes, or `command_not_found`, `exited`, `version_mismatch`, `not_finished`,
    `unmet_expectation`, `server_unreachable`, `gave_up`, `closed`, `bad_address` or `connection_failed`.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, close_code: int | None = None) -> None:
        super().__init__(f"{message}\n  hint: {hint}" if hint else message)
        self.code = code
        self.message = message
        self.hint = hint
        #: The close code, if the failure closed a socket.
        self.close_code = close_code
