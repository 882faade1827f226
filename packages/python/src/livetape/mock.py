"""A mock TikTok, and what it expects of clients."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

from .aio import Wrapped, coroutine
from .errors import LivetapeError, check_number, check_path
from .proxy import direct
from .server import Running, Server, Speed, polls

if TYPE_CHECKING:
    from collections.abc import Callable

LISTED_MAX = 20  #: Maximum number of log entries in a report.
WAIT_SECONDS = 60.0  #: Timeout of `wait_for`, in seconds.
FAILED_FROM = 400  #: Lowest status that reports a failure. 0 means that no response was sent.

#: An entry of the log: `what`, `at_ms`, `connection`, and the keys of its kind, such as `path` and `status`.
LogEntry = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A kind of client activity: `Seen.request(path)`, `Seen.close(code)`, or one of the constants."""

    what: str
    detail: str | int | None = None

    CONNECTION: ClassVar[Seen]  #: An opened WebSocket.
    ENTER: ClassVar[Seen]  #: A client that enters a room.
    HEARTBEAT: ClassVar[Seen]  #: A heartbeat.
    ACK: ClassVar[Seen]  #: An ack.

    @staticmethod
    def request(path: str) -> Seen:
        """Return the kind of a request for this path. A trailing slash makes no difference."""
        check_path(path)
        return Seen("request", path.rstrip("/"))

    @staticmethod
    def close(code: int) -> Seen:
        """Return the kind of a WebSocket that ends with this close code."""
        check_number("code", code)
        return Seen("closed", code)

    def matches(self, entry: LogEntry) -> bool:
        """Return whether a log entry is of this kind."""
        details = {"request": str(entry.get("path")).rstrip("/"), "closed": entry.get("code")}
        return self.what == entry["what"] and self.detail in (None, details.get(self.what))

    def noun(self, *, is_one: bool) -> str:
        """Name this kind, in the singular or the plural."""
        s = "" if is_one else "s"
        nouns = {"request": f"request{s} of {self.detail}", "closed": f"close{s} with {self.detail}", "upgrade": f"connection{s}"}
        nouns["enter"] = "client that enters" if is_one else "clients that enter"
        return nouns.get(self.what, self.what + s)


Seen.CONNECTION, Seen.ENTER, Seen.HEARTBEAT, Seen.ACK = map(Seen, ("upgrade", "enter", "heartbeat", "ack"))


class Mock(Running):
    """A mock TikTok on a free port of this machine. Use it as a context manager, or call `verify` and `stop`.

    `scenario` is the path of a scenario or its TOML. `play` is the recording of its rooms, `speed` their speed.
    """

    def __init__(
        self, scenario: str | os.PathLike[str] | None = None, *, play: str | os.PathLike[str] | None = None, speed: Speed | None = None
    ) -> None:
        options = {"play": play and os.fspath(play), "speed": speed, "log-level": "info"}
        flags = [f"--{name}={value}" for name, value in options.items() if value is not None]
        text = scenario if isinstance(scenario, str) and is_toml(scenario) else None
        if scenario is not None and text is None:
            flags.append(f"--scenario={os.fspath(scenario)}")
        self._server = Server(["mock", *flags], text)
        self.url = self._server.http  #: URL of the mock, without a trailing slash: `http://127.0.0.1:PORT`.
        self._expectations: list[tuple[str, Callable[[list[LogEntry]], str]]] = []

    @property
    def env(self) -> dict[str, str]:
        """Variables for the environment of a client that runs as a program, the same as those of `livetape run`."""
        return {**direct(), "LIVETAPE_MOCK_URL": self.url, "SIGN_API_URL": self.url}

    @property
    def aio(self) -> AsyncMock:
        """The same mock with coroutines."""
        return AsyncMock(self)

    def received(self, seen: Seen | None = None) -> list[LogEntry]:
        """Return what clients did, optionally of one kind."""
        log = self._server.request("GET", "/__admin/log")
        if log["dropped"]:
            raise LivetapeError("unmet", f"the log is full; dropped entries: {log['dropped']}", "call `reset` between tests")
        entries: list[LogEntry] = log["entries"]
        return [entry for entry in entries if seen is None or seen.matches(entry)]

    def expect(self, seen: Seen, times: int | None = None, *, at_least: int | None = None, at_most: int | None = None) -> None:
        """Expect `seen` to happen this often, by default at least once. `verify` checks it, and so does the end of the test."""
        for name, value in {"times": times, "at_least": at_least, "at_most": at_most}.items():
            if value is not None:
                check_number(name, value)
        if times is not None:
            at_least = at_most = times
        least, most = int(at_most is None) if at_least is None else at_least, at_most
        if most is not None and least > most:
            raise LivetapeError("bad_request", f"`at_least` is {least}, and `at_most` is {most}", "swap them")
        self._expectations.append((caller(), lambda entries: count(entries, seen, least, most)))

    def expect_no_reconnect_before(self, seconds: float) -> None:
        """Expect no request within this time after each failure: an error, a fault, or the end of a socket."""
        check_number("seconds", seconds, is_whole=False)
        self._expectations.append((caller(), lambda entries: too_early(entries, seconds)))

    def verify(self) -> None:
        """Verify all expectations and remove them. Raise if the mock failed."""
        __tracebackhide__ = True
        super().verify()
        expectations, self._expectations = self._expectations, []
        if not expectations:
            return
        entries = self.received()
        if unmet := [f"{problem}\n  at {at}" for at, check in expectations if (problem := check(entries))]:
            raise LivetapeError("unmet", "\n".join([*unmet, listed(entries)]))

    def wait_for(self, seen: Seen, at_least: int = 1, *, timeout: float = WAIT_SECONDS) -> list[LogEntry]:
        """Wait until `seen` has happened at least this often, and return the log entries."""
        __tracebackhide__ = True
        check_number("at_least", at_least)
        for _ in polls(timeout):
            if len(found := self.received(seen)) >= at_least:
                return found
        entries = self.received()
        raise LivetapeError("timeout", f"{count(entries, seen, at_least, None)} within {timeout:g} s\n{listed(entries)}")

    def set_scenario(self, toml: str) -> None:
        """Replace the scenario, and clear the log, rooms and counts."""
        self._server.request("PUT", "/__admin/scenario", toml)

    def reset(self) -> None:
        """Clear the log, rooms and counts. Connections stay open."""
        self._server.request("POST", "/__admin/reset")


class AsyncMock(Wrapped[Mock]):
    """Coroutines of `Mock`."""

    def __init__(self, wrapped: Mock) -> None:
        super().__init__(wrapped)
        self.url = wrapped.url
        self.env = wrapped.env
        self.expect = wrapped.expect
        self.expect_no_reconnect_before = wrapped.expect_no_reconnect_before

    received = coroutine(Mock.received)
    verify = coroutine(Mock.verify)
    wait_for = coroutine(Mock.wait_for)
    set_scenario = coroutine(Mock.set_scenario)
    reset = coroutine(Mock.reset)
    stop = coroutine(Mock.stop)


def is_toml(scenario: str) -> bool:
    """Return whether a text is a scenario rather than the path of one."""
    return "\n" in scenario or "=" in scenario


def caller() -> str:
    """Return the location of the test, which called the caller of this function."""
    frame = sys._getframe(2)  # noqa: SLF001
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def count(entries: list[LogEntry], seen: Seen, least: int, most: int | None) -> str:
    """Return why the number of entries of a kind is wrong, or an empty text."""
    found = sum(map(seen.matches, entries))
    if found >= least and (most is None or found <= most):
        return ""
    expected = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
    problem = f"expected {expected} {seen.noun(is_one=most == 1)}, got {found}"
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
