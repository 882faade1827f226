"""A client of the feed, which resumes after an interruption without gaps or repeats."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import LivetapeError
from .feed import LOST, Event, Feed, Gifts, Loss, Stats

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator

    from typing_extensions import Self
    from websockets.sync.connection import Connection

OPEN_SECONDS, CLOSE_SECONDS = 10.0, 1.0  #: Timeout for opening a connection, and for closing it, in seconds.


class Client:
    """Iterates over the events of a feed, with `for` or `async for`.

    The iteration ends with the source. It raises `LivetapeError` if the server rejects the client, or if the client
    gives up. A later iteration resumes where the last one stopped. After a `break` in `async for`, Python closes the
    connection late: put such a loop into `async with`.
    """

    def __init__(self, feed: Feed, token: str | None) -> None:
        self._feed = feed
        self._token = token
        self._stopped = threading.Event()
        self._socket: Connection | None = None
        self._loop: AsyncGenerator[Event, None] | None = None

    @property
    def position(self) -> str | None:
        """Position of the last event, as `STREAM:SEQ`. Pass it as `since` to resume."""
        return self._feed.position

    @property
    def stats(self) -> Stats:
        """Counters since the client was created."""
        return self._feed.stats

    def close(self) -> None:
        """End the `for` loop for good, also from another thread."""
        self._stopped.set()
        if self._socket:
            self._socket.close()

    async def aclose(self) -> None:
        """Close the connection of an `async for` loop that has ended."""
        if self._loop:
            await self._loop.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __iter__(self) -> Iterator[Event]:
        from websockets.sync.client import connect

        delay: float | None = 0.0
        while delay is not None and not self._stopped.wait(delay):
            try:
                with connect(self._feed.address(), **self._arguments()) as socket:
                    self._socket = socket
                    self._feed.opened(time.monotonic())
                    while not self._stopped.is_set():
                        if event := self._feed.received(socket.recv()):
                            yield event
            except Exception as error:  # noqa: BLE001
                delay = None if self._stopped.is_set() else self._closed(error)

    def __aiter__(self) -> AsyncIterator[Event]:
        self._loop = self._events()
        return self._loop

    async def _events(self) -> AsyncGenerator[Event, None]:
        import asyncio

        from websockets.asyncio.client import connect

        delay: float | None = 0.0
        while delay is not None:
            await asyncio.sleep(delay)
            try:
                async with connect(self._feed.address(), **self._arguments()) as socket:
                    self._feed.opened(time.monotonic())
                    while True:
                        if event := self._feed.received(await socket.recv()):
                            yield event
            except Exception as error:  # noqa: BLE001
                delay = self._closed(error)

    def _arguments(self) -> dict[str, Any]:
        return {
            "additional_headers": {"Authorization": f"Bearer {self._token}"} if self._token else None,
            # A proxy of the environment cannot reach this machine's loopback addresses.
            "proxy": None if is_loopback(urlsplit(self._feed.url).hostname or "") else True,
            "compression": None,
            "max_size": None,
            "open_timeout": OPEN_SECONDS,
            "close_timeout": CLOSE_SECONDS,
        }

    def _closed(self, error: Exception) -> float | None:
        """Return the time until the next attempt, or `None` if the source ended. Raise if the error is final."""
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

        now = time.monotonic()
        if isinstance(error, ConnectionClosed):
            close = error.rcvd
            return self._feed.closed(close.code if close else LOST, close.reason if close else "", now)
        if isinstance(error, InvalidStatus):
            status = error.response.status_code
            return self._feed.closed(LOST, f"status {status}", now, status)
        if isinstance(error, InvalidURI):
            raise LivetapeError("bad_address", str(error)) from error
        if isinstance(error, (OSError, EOFError, InvalidHandshake)):
            return self._feed.closed(LOST, str(error) or type(error).__name__, now)
        raise error


def connect(  # noqa: PLR0913
    url: str,
    *,
    types: Iterable[str] | None = None,
    gifts: Gifts | None = None,
    raw: bool = False,
    since: str | int | None = None,
    token: str | None = None,
    reconnect: bool = True,
    max_attempts: float = 5,
    delay: float = 1.0,
    max_delay: float = 16.0,
    jitter: bool = False,
    on_loss: Callable[[Loss], None] | None = None,
) -> Client:
    """Return a client of a feed, which connects when it is iterated over.

    `types`, `gifts` (default `delta`), `raw` and `since` are the query of the feed: `since=0` for the whole backlog, or
    a saved `position`. `token` is the server's bearer token. After an interruption, the client waits `delay` seconds,
    doubled with each of at most `max_attempts` attempts in a row, up to `max_delay`; with `jitter`, a random time up to
    that. `on_loss` is called with events that are or may be lost.
    """
    # An iterator would be empty at the second connection.
    types = None if types is None else tuple(types)
    return Client(Feed(url, types, gifts, raw, since, reconnect, max_attempts, delay, max_delay, jitter, on_loss), token)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")
