"""A mock TikTok, and what it expects of clients."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import LivetapeError
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from .aio import AsyncMock
    from .tape import Speed

#: Maximum number of log entries in a report.
LISTED_MAX = 20
#: Timeout of `wait_for`, in seconds.
WAIT_SECONDS = 60.0
#: Interval at which the log is read, in seconds.
POLL_SECONDS = 0.01
#: Responses with a lower status do not report a failure, and 0 stands for no response.
FAILED_FROM = 400

#: An entry of the log: `what`, `at_ms`, `connection`, and the keys of its kind, such as `path` and `status`.
LogEntry = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A kind of client activity: `Seen.request(path)`, `Seen.close(code)`, or one of the constants."""

    what: str
    detail: str | int | None = None

    #: An opened WebSocket.
    CONNECTION: ClassVar[Seen]
    #: A client that enters a room.
    ENTER: ClassVar[Seen]
    #: A heartbeat.
    HEARTBEAT: ClassVar[Seen]
    #: An ack.
    ACK: ClassVar[Seen]

    @staticmethod
    def request(path: str) -> Seen:
        """Return the kind of a request for this path. A trailing slash makes no difference."""
        return Seen("request", path.rstrip("/"))

    @staticmethod
    def close(code: int) -> Seen:
        """Return the kind of a WebSocket that ends with this close code."""
        return Seen("closed", code)

    def matches(self, entry: LogEntry) -> bool:
        """Return whether a log entry is of this kind."""
        details = {"request": str(entry.get("path")).rstrip("/"), "closed": entry.get("code")}
        return self.what == entry["what"] and self.detail in (None, details.get(self.what))

    def __str__(self) -> str:
        texts = {"request": f"requests of {self.detail}", "closed": f"closes with {self.detail}"}
        return texts.get(self.what) or NAMES[self.what]


NAMES = {"upgrade": "connections", "enter": "clients that enter", "heartbeat": "heartbeats", "ack": "acks"}
Seen.CONNECTION, Seen.ENTER, Seen.HEARTBEAT, Seen.ACK = map(Seen, NAMES)


class Mock:
    """A mock TikTok on a free port of this machine. Use it as a context manager, or call `verify` and `stop`.

    `scenario` is the path of a scenario or its TOML. `play` is the recording of its rooms, `speed` their speed.
    """

    def __init__(
        self,
        scenario: str | os.PathLike[str] | None = None,
        *,
        play: str | os.PathLike[str] | None = None,
        speed: Speed | None = None,
    ) -> None:
        options = {"play": play and os.fspath(play), "speed": speed, "log-level": "info"}
        flags = [f"--{name}={value}" for name, value in options.items() if value is not None]
        text = scenario if isinstance(scenario, str) and is_toml(scenario) else None
        if scenario is not None and text is None:
            flags.append(f"--scenario={os.fspath(scenario)}")
        self._server = Server(["mock", *flags], text)
        self._expectations: list[Callable[[list[LogEntry]], str]] = []

    @property
    def url(self) -> str:
        """URL of the mock, without a trailing slash: `http://127.0.0.1:PORT`."""
        return self._server.http

    @property
    def env(self) -> dict[str, str]:
        """Variables for the environment of a client that runs as a program, the same as those of `livetape run`."""
        return {"LIVETAPE_MOCK_URL": self.url, "SIGN_API_URL": self.url}

    @property
    def aio(self) -> AsyncMock:
        """The same mock with coroutines."""
        from .aio import AsyncMock

        return AsyncMock(self)

    def received(self, seen: Seen | None = None) -> list[LogEntry]:
        """Return what clients did, optionally of one kind."""
        log = self._server.request("GET", "/__admin/log")
        if log["dropped"]:
            message = f"the log is full and dropped {log['dropped']} entries"
            raise LivetapeError("unmet_expectation", message, "call `reset` between tests")
        entries: list[LogEntry] = log["entries"]
        return [entry for entry in entries if seen is None or seen.matches(entry)]

    def expect(self, seen: Seen, times: int | None = None, *, at_least: int = 0, at_most: int | None = None) -> None:
        """Expect `seen` to happen this often. `verify` checks it, and so does the end of the test."""
        least, most = (at_least, at_most) if times is None else (times, times)
        at = caller()
        self._expectations.append(lambda entries: add(count(entries, seen, least, most), at))

    def expect_no_reconnect_before(self, seconds: float) -> None:
        """Expect no request within this time after each failure: an error, a fault, or the end of a socket."""
        at = caller()
        self._expectations.append(lambda entries: add(too_early(entries, seconds), at))

    def verify(self) -> None:
        """Verify all expectations and remove them."""
        __tracebackhide__ = True
        expectations, self._expectations = self._expectations, []
        if not expectations:
            return
        entries = self.received()
        if unmet := [problem for expectation in expectations if (problem := expectation(entries))]:
            raise LivetapeError("unmet_expectation", "\n".join([*unmet, listed(entries)]))

    def wait_for(self, seen: Seen, at_least: int = 1, *, timeout: float = WAIT_SECONDS) -> list[LogEntry]:
        """Wait until `seen` has happened at least this often, and return the log entries."""
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while len(found := self.received(seen)) < at_least:
            if time.monotonic() > deadline:
                entries = self.received()
                problem = f"{count(entries, seen, at_least, None)} within {timeout:g} s\n{listed(entries)}"
                raise LivetapeError("unmet_expectation", problem)
            time.sleep(POLL_SECONDS)
        return found

    def set_scenario(self, toml: str) -> None:
        """Replace the scenario, and clear the log, rooms and counts."""
        self._server.request("PUT", "/__admin/scenario", toml)

    def reset(self) -> None:
        """Clear the log, rooms and counts. Connections stay open."""
        self._server.request("POST", "/__admin/reset")

    def stop(self) -> None:
        """Stop the mock."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        __tracebackhide__ = True
        try:
            # A test that fails anyway fails with its own message.
            if error is None:
                self.verify()
        finally:
            self.stop()


def is_toml(scenario: str) -> bool:
    """Return whether a text is a scenario rather than the path of one."""
    return "\n" in scenario or "=" in scenario


def caller() -> str:
    """Return the location of the test, which called the caller of this function."""
    frame = sys._getframe(2)  # noqa: SLF001
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def add(problem: str, at: str) -> str:
    """Add the location of an expectation to its problem, if there is one."""
    return problem and f"{problem}\n  at {at}"


def count(entries: list[LogEntry], seen: Seen, least: int, most: int | None) -> str:
    """Return why the number of entries of a kind is wrong, or an empty text."""
    found = sum(map(seen.matches, entries))
    if found >= least and (most is None or found <= most):
        return ""
    expected = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
    problem = f"expected {expected} {seen}, got {found}"
    paths = {entry["path"].rstrip("/") for entry in entries if entry["what"] == "request"}
    nearest = get_close_matches(str(seen.detail), paths, n=1, cutoff=0) if seen.what == "request" and not found else []
    return problem + "".join(f"\n  nearest: {path}" for path in nearest)


def too_early(entries: list[LogEntry], seconds: float) -> str:
    """Return which request came too early after a failure, or an empty text."""
    ended: int | None = None
    for entry in entries:
        is_request, at_ms = entry["what"] == "request", entry["at_ms"]
        if is_request and ended is not None and at_ms - ended < seconds * 1000:
            expected = f"expected no request for {seconds:g} s after the failure at {ended} ms"
            return f"{expected}; one came after {at_ms - ended} ms"
        failed = is_request and ("fault" in entry or not 0 < entry["status"] < FAILED_FROM)
        if failed or entry["what"] == "closed":
            ended = at_ms
    return ""


def listed(entries: list[LogEntry]) -> str:
    """List the last entries."""
    if not entries:
        return "received nothing"
    return "\n".join(["received:", *map(shown, entries[-LISTED_MAX:])])


def shown(entry: LogEntry) -> str:
    """Describe an entry in one line."""
    if entry["what"] == "request":
        fault = f" ({entry['fault']})" if "fault" in entry else ""
        what = f"{entry['method']} {entry['path']} → {entry['status']}{fault}"
    else:
        details = {key: value for key, value in entry.items() if key not in ("what", "at_ms", "connection")}
        what = " ".join([entry["what"], *(f"{key}={value}" for key, value in details.items())])
    return f"  {entry['at_ms']:>8} ms  connection {entry['connection']}: {what}"
