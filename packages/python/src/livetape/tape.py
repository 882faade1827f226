"""A recording served to clients."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from .aio import Wrapped, coroutine
from .errors import LivetapeError, check_number
from .proxy import direct
from .send import AsyncSend, Send
from .server import Running, Server, Speed, polls
from .tally import Finished, Tally

if TYPE_CHECKING:
    from typing_extensions import Self

    from .mock import Mock

PATIENCE = 30.0  #: Timeout of `wait_for_clients`, and of `finished` between two events, in seconds.
HOLD = 2**32 - 1  #: Number of clients that never connect.
CASE = "LIVETAPE_CASE"  #: Environment variable with the name of the case to play.
CLOSE_CODES = (range(1000, 1004), range(1007, 1015), range(3000, 5000))  #: Codes that a close frame may have.
REFUSED_SECONDS = 1.0  #: Time after the first attempt to connect that `finished` waits, in a case that lets nobody in, in seconds.
DROP_SECONDS = 2.0  #: Time that clients have to answer a close, in seconds.

Offset: TypeAlias = float | str  #: Offset in a recording: seconds, or text such as `1m30s`.


class Tape(Running):
    """A recording served over WebSocket and HTTP on a free port of this machine. It never contacts other machines.

    Use it as a context manager, or call `stop`. `recording` is `demo`, a name in the folder of recordings, or a path.
    The first event is held until `wait_clients` clients are connected or, with `hold`, until `play` is called. With
    `mock`, `POST /connect/{user}` connects to a mock TikTok. `case` is the name of one of `cases()`, by default that in
    the variable `LIVETAPE_CASE`. A case waits for at least one client.
    """

    def __init__(  # noqa: PLR0913
        self,
        recording: str | os.PathLike[str] = "demo",
        *,
        speed: Speed = 1,
        start: Offset | None = None,
        end: Offset | None = None,
        laps: int = 1,
        idle_limit: Offset | None = None,
        wait_clients: int = 1,
        hold: bool = False,
        mock: Mock | None = None,
        case: str | None = None,
    ) -> None:
        if not isinstance(hold, bool):
            raise LivetapeError("bad_request", f"`hold` is {hold!r}", "choose True or False")
        if mock is not None and not isinstance(mock, Running):
            raise LivetapeError("bad_request", f"`mock` is {mock!r}", "pass a `Mock`")
        options = {
            "speed": speed,
            "start": None if start is None else duration(start),
            "end": None if end is None else duration(end),
            "loop": laps,
            "idle-limit": None if idle_limit is None else duration(idle_limit),
            "wait-clients": HOLD if hold else wait_clients,
            "upstream": mock and mock.url,
            "case": case or os.environ.get(CASE) or None,
            "log-level": "info",
        }
        flags = [f"--{name}={value}" for name, value in options.items() if value is not None]
        self._server = Server(["replay", "--offline", "--quiet", *flags, "--", os.fspath(recording)])
        self._is_held = hold
        self._has_case = options["case"] is not None
        self.url = self._server.ws  #: URL of the feed, with a trailing slash: `ws://127.0.0.1:PORT/`.
        self.http = self._server.http  #: URL of the REST API, without a trailing slash: `http://127.0.0.1:PORT`.
        self.pid = self._server.pid  #: ID of the server's process.
        self.mock = mock  #: The mock that it connects to.
        self.send = Send(self._server)  #: Sends your own messages into the replay.
        self._tally = Tally(self._server)
        self._tally.start()

    @property
    def env(self) -> dict[str, str]:
        """Variables for the environment of a client that runs as a program, the same as those of `livetape run`."""
        urls = {**direct(), "LIVETAPE_URL": self.url, "LIVETAPE_HTTP": self.http}
        return urls if self.mock is None else {**urls, **self.mock.env}

    @property
    def aio(self) -> AsyncTape:
        """The same tape with coroutines."""
        return AsyncTape(self)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the REST API and return the JSON of the response."""
        return self._server.request(method, path, body)

    def wait_for_clients(self, clients: int, *, timeout: float = PATIENCE) -> None:
        """Wait until at least `clients` clients are connected. Observers (`?observer=1`) do not count."""
        __tracebackhide__ = True
        check_number("clients", clients)
        for _ in polls(timeout):
            if (connected := self.request("GET", "/status")["clients"]) >= clients:
                return
        message = f"{connected} of {clients} clients connected within {timeout:g} s: {self._seen()}"
        raise LivetapeError("timeout", message, f"connect to {self.url}")

    def drop(self, code: int | None = None, reason: str | None = None, *, abort: bool = False) -> None:
        """Disconnect every WebSocket client with this close code (1011 by default), after what was sent before.

        With `abort`, cuts the connections without a close frame, as a failing network does: clients report 1006.
        Returns when they are gone, so that they receive nothing that is sent afterwards on their old connections.
        Clients may reconnect immediately.
        """
        __tracebackhide__ = True
        order = close_order(code, reason, abort=abort)
        dropped = {client["id"] for client in self.request("POST", "/connections/close", order)["connections"]}
        for _ in polls(DROP_SECONDS):
            if dropped.isdisjoint(client["id"] for client in self._clients()):
                return

    def play(self) -> None:
        """Start or resume the replay."""
        self._resume("play")

    def pause(self) -> None:
        """Pause the replay before the next event."""
        self._order("pause")

    def seek(self, offset: Offset) -> None:
        """Move to an offset in the recording. Events after a seek have new IDs."""
        self._resume("seek", offset=duration(offset))

    def step(self, frames: int = 1) -> None:
        """Pause the replay, then play the next frames that contain events."""
        self._order("step", count=frames)

    def truth(self, until: int | None = None) -> dict[str, Any]:
        """Return what clients should have counted after the event `until`, or after all that were sent.

        The totals are those since the last lap or seek: `diamonds`, `gifts`, `chats`, `top_gifter`, …
        """
        truth: dict[str, Any] = self.request("GET", "/truth" if until is None else f"/truth?until={until}")
        return truth

    def finished(self, *, timeout: float = PATIENCE) -> Finished:
        """Wait until the recording has ended and every client was sent all events.

        In a case that lets nobody in, wait until a second after the first attempt to connect.
        Raises `LivetapeError` after `timeout` seconds without an event, and at once if `hold` was set
        and `play` was not called.
        """
        __tracebackhide__ = True
        refused = self._refused(timeout)
        if not refused and self._is_held and self.request("GET", "/replay")["state"] == "waiting":
            raise LivetapeError("timeout", "the replay did not finish: it is held", "call `play()`")
        if finished := self._tally.finished(timeout, refused):
            return finished
        replay = self.request("GET", "/replay")
        case = f"; the case `{replay['case']}` may wait for clients: {self._seen()}" if "case" in replay else ""
        reasons = {
            "waiting": f"it waits for clients: {self._seen()}",
            "paused": f"it is paused{case}",
            "ended": f"a client does not read its events: {self._seen()}",
        }
        reason = reasons.get(replay["state"], f"no event for {timeout:g} s")
        raise LivetapeError("timeout", f"the replay did not finish: {reason}")

    def _refused(self, timeout: float) -> int:
        """Return the number of attempts to connect in a case that lets nobody in, once there are any. 0 in all others."""
        __tracebackhide__ = True
        replay: dict[str, Any] = self.request("GET", "/replay") if self._has_case else {}
        if "refused" not in replay:
            return 0
        for _ in polls(timeout):
            if self.request("GET", "/replay")["refused"]:
                time.sleep(REFUSED_SECONDS)
                return int(self.request("GET", "/replay")["refused"])
        message = f"no client tried to connect within {timeout:g} s; the case `{replay['case']}` lets nobody in"
        raise LivetapeError("timeout", message, f"connect to {self.url}")

    def _clients(self) -> list[dict[str, Any]]:
        connections = self.request("GET", "/connections")["connections"]
        return [connection for connection in connections if not connection["observer"]]

    def _seen(self) -> str:
        status = self.request("GET", "/status")
        clients = [f"{client['path']} ({client['clientId'] or client['id']})" for client in self._clients()]
        # The tally of this tape is an observer.
        observers = max(0, status["observers"] - 1)
        seen = [*clients, *([f"{observers} with ?observer=1, not counted"] if observers else [])]
        return ", ".join(seen) or "no client"

    def _resume(self, order: str, **body: Any) -> None:
        """Send an order that starts a replay over if it has ended."""
        __tracebackhide__ = True
        has_ended = self.request("GET", "/replay")["state"] == "ended"
        if has_ended:
            # The tally may be behind, and must not take the old end for the next one.
            self._tally.finished(PATIENCE)
            self._tally.set_ended(ended=False)
        try:
            self._order(order, **body)
        except LivetapeError:
            if has_ended:
                self._tally.set_ended(ended=True)
            raise

    def _order(self, order: str, **body: Any) -> None:
        __tracebackhide__ = True
        self.request("POST", f"/replay/{order}", body or None)


def close_order(code: int | None, reason: str | None, *, abort: bool) -> dict[str, Any]:
    """Return the body of a request that closes a connection."""
    if abort is True and code is None and reason is None:
        return {"abort": True}
    if abort is not False:
        raise LivetapeError("bad_request", f"`abort` is {abort!r}", "use `drop(abort=True)`, without a code and a reason")
    code = 1011 if code is None else code
    if isinstance(code, bool) or not isinstance(code, int) or not any(code in codes for codes in CLOSE_CODES):
        ranges = ", ".join(f"{codes[0]} to {codes[-1]}" for codes in CLOSE_CODES)
        lack = "for 1006, which clients report if a connection ends without a close frame, use `drop(abort=True)`"
        raise LivetapeError("bad_request", f"the close code is {code!r}", f"choose a code from {ranges}; {lack}")
    return {"code": code, "reason": "dropped by the test" if reason is None else reason}


def duration(offset: Offset) -> str:
    """Return an offset as the server reads it."""
    if isinstance(offset, str):
        return offset
    check_number("offset", offset, is_whole=False)
    return f"{round(offset * 1000)}ms"


class AsyncTape(Wrapped[Tape]):
    """Coroutines of `Tape`. `async with Tape(…).aio as tape` stops it at the end."""

    def __init__(self, wrapped: Tape) -> None:
        super().__init__(wrapped)
        self.send = AsyncSend(wrapped.send)
        self.url = wrapped.url
        self.http = wrapped.http
        self.pid = wrapped.pid
        self.env = wrapped.env

    request = coroutine(Tape.request)
    wait_for_clients = coroutine(Tape.wait_for_clients)
    drop = coroutine(Tape.drop)
    play = coroutine(Tape.play)
    pause = coroutine(Tape.pause)
    seek = coroutine(Tape.seek)
    step = coroutine(Tape.step)
    truth = coroutine(Tape.truth)
    finished = coroutine(Tape.finished)
    verify = coroutine(Tape.verify)
    stop = coroutine(Tape.stop)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
