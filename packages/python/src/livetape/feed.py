"""The protocol of the feed without sockets: events, the position from which to resume, and when to reconnect."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from .errors import LivetapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NORMAL, LOST, POLICY, UNKNOWN_POSITION, SLOW_CONSUMER = 1000, 1006, 1008, 4001, 4101
PRIVATE_RETRY_FROM = 4100  #: Lowest private code after which clients reconnect.
RETRY = frozenset({1001, 1005, LOST, 1011, 1012, 1013, 1014, 1015})  #: Standard codes after which clients reconnect.
HEALTHY_SECONDS = 5.0  #: A connection that lasts this long, or delivers a message, resets the number of attempts. In seconds.
#: Attempts after `client_id_taken`, if `max_attempts` is lower. The previous socket holds the client ID until the server
#: notices that it is broken.
GHOST_ATTEMPTS_MIN = 8
#: Doublings of the delay, which then stays the same. A float cannot hold 2**1024.
DOUBLINGS_MAX = 64
#: Statuses of a rejected upgrade after which no retry can succeed, except 429.
REFUSED, TOO_MANY_REQUESTS, UNAUTHORIZED = range(400, 500), 429, 401

#: Gift events to receive: every message of TikTok, increments and finals, or only finals.
Gifts: TypeAlias = Literal["raw", "delta", "final"]


@dataclass(frozen=True)
class Event:
    """An event of the feed. The keys of `data` depend on `type`: `GET /schema/events.json` of a server describes them."""

    type: str
    data: dict[str, Any]
    stream: str
    seq: int
    username: str = ""
    id: str | None = None
    ts: str = ""
    replay: bool = False
    injected: bool = False

    @property
    def position(self) -> str:
        """Position in the feed, as `STREAM:SEQ`."""
        return f"{self.stream}:{self.seq}"


@dataclass(frozen=True)
class Loss:
    """Events that are, or may be, lost.

    `stream_changed`: the server restarted or was replaced; an unknown number of events after `after` is lost.
    `gap`: the backlog no longer contains the `count` events after `after`.
    `no_position`: the connection broke before the first event, so the client could not resume.
    """

    reason: Literal["stream_changed", "gap", "no_position"]
    after: str | None = None
    count: int | None = None


@dataclass
class Stats:
    """Counters since the client was created."""

    events: int = 0  #: Delivered events.
    malformed: int = 0  #: Malformed messages, which were skipped.
    repeated: int = 0  #: Repeated events, which were dropped.
    lost: int = 0  #: Events reported as lost.
    connections: int = 0  #: Opened connections.


@dataclass
class Feed:
    """What a client remembers from one connection to the next."""

    url: str
    types: Iterable[str] | None = None
    gifts: Gifts | None = None
    raw: bool = False
    begin: str | int | None = None
    reconnect: bool = True
    max_attempts: float = 5
    delay: float = 1.0
    max_delay: float = 16.0
    jitter: bool = False
    on_loss: Callable[[Loss], None] | None = None
    stats: Stats = field(default_factory=Stats)
    _stream: str = ""
    _seq: int = 0
    _has_joined: bool = False
    _attempt: int = 0
    _has_client_id: bool = False
    _is_afresh: bool = False
    _opened_at: float | None = None
    _refusal: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("ws", "wss"):
            raise LivetapeError("bad_address", f"`{self.url}` is not an address of a feed", "use ws:// or wss://")
        query = dict(parse_qsl(urlsplit(self.url).query))
        self._begin = query.get("since") if self.begin is None else str(self.begin)
        self._is_filtered = self.types is not None or "types" in query

    @property
    def position(self) -> str | None:
        """Position of the last event, as `STREAM:SEQ`."""
        return f"{self._stream}:{self._seq}" if self._seq else None

    @property
    def _since(self) -> str | None:
        # Without a filter, a feed starts with the current state: if nothing has arrived, there was nothing yet.
        # With a filter, that is unknown.
        return self.position or self._begin or ("0" if self._has_joined and not self._is_filtered else None)

    def address(self) -> str:
        """Return the URL of the next connection."""
        parts = urlsplit(self.url)
        query = dict(parse_qsl(parts.query))
        since = self._since
        # TikTok repeats the total of a streak with each message, so raw messages would count gifts twice.
        wanted = {
            "types": None if self.types is None else ",".join(self.types),
            "gifts": self.gifts or query.get("gifts", "delta"),
            "raw": "1" if self.raw else None,
            "since": since,
            "on_gap": "skip" if since and ":" in since else None,
        }
        query.pop("since", None)
        query.update((key, value) for key, value in wanted.items() if value is not None)
        return urlunsplit(parts._replace(path=parts.path or "/", query=urlencode(query)))

    def opened(self, now: float) -> None:
        """Take note of an open connection."""
        if self._has_joined and self._since is None:
            self._lose(Loss("no_position"))
        self.stats.connections += 1
        self._has_joined, self._opened_at = True, now

    def received(self, text: str | bytes) -> Event | None:
        """Parse a message. Return the event that it contains; `None` for a repeated event, and for other messages."""
        message = parse(text)
        if message is None:
            self.stats.malformed += 1
            return None
        if message["type"] != "error":
            self._attempt, self._is_afresh = 0, False
        if "seq" not in message:
            self._said(message)
            return None
        event = Event(**{key: value for key, value in message.items() if key in Event.__dataclass_fields__})
        if event.stream == self._stream and event.seq <= self._seq:
            self.stats.repeated += 1
            return None
        self._stream, self._seq = event.stream, event.seq
        self.stats.events += 1
        return event

    def closed(self, code: int, reason: str, now: float, status: int = 0) -> float | None:
        """Return the time until the next attempt, in seconds, or `None` if the source ended. Raise if the error is final.

        `status` is that of a rejected upgrade.
        """
        was_open = self._opened_at is not None
        if self._opened_at is not None and now - self._opened_at >= HEALTHY_SECONDS:
            self._attempt, self._is_afresh = 0, False
        self._opened_at = None
        if code == UNKNOWN_POSITION:
            self._forget()
        # The server may not have noticed yet that the previous socket is gone.
        is_ghost = code == POLICY and reason == "client_id_taken" and self._has_client_id
        is_refused = status in REFUSED and status != TOO_MANY_REQUESTS
        if code == NORMAL:
            return None
        if is_refused:
            name = "unauthorized" if status == UNAUTHORIZED else "refused"
            raise LivetapeError(name, f"the server rejected the connection with status {status}", close_code=code)
        refusal, self._refusal = self._refusal, {}
        if refusal.get("code") != reason:
            refusal = {}
        if is_final(code) and not is_ghost:
            message = refusal.get("message") or f"closed with {code} {reason}".strip()
            raise LivetapeError(reason or "closed", message, refusal.get("hint", ""), close_code=code)
        if not self.reconnect:
            name = "closed" if was_open else "connection_failed"
            message = refusal.get("message") or f"closed with {code} {reason}".strip()
            raise LivetapeError(name, message, refusal.get("hint", ""), close_code=code)
        attempts_max = self.max_attempts
        if self._attempt >= (max(attempts_max, GHOST_ATTEMPTS_MIN) if is_ghost else attempts_max):
            why = refusal.get("message") or reason or f"close code {code}"
            message = f"gave up after {self._attempt} attempt{'s' * (self._attempt != 1)}: {why}"
            raise LivetapeError("gave_up", message, refusal.get("hint", ""), close_code=code)
        return self._wait(code)

    def _wait(self, code: int) -> float:
        doubled = min(self.delay * 2 ** min(self._attempt, DOUBLINGS_MAX), self.max_delay)
        # The server is healthy, so there is no reason to wait.
        at_once = self._attempt == 0 and code in (UNKNOWN_POSITION, SLOW_CONSUMER)
        self._attempt += 1
        if at_once:
            return 0.0
        return random.uniform(0, doubled) if self.jitter else doubled  # noqa: S311

    def _said(self, message: dict[str, Any]) -> None:
        if message["type"] == "welcome":
            self._has_client_id = True
        elif message["type"] == "error":
            # Why the server refuses this client, right before it closes the connection.
            data = message.get("data", message)
            if isinstance(data, dict):
                self._refusal = {key: data[key] for key in ("code", "message", "hint") if isinstance(data.get(key), str)}
        elif message["type"] == "gap":
            count = message["to"] - message["from"] + 1
            self.stats.lost += count
            self._lose(Loss("gap", self.position, count))

    def _forget(self) -> None:
        """Start over as if never connected: from `0` if that was requested, else without `since`."""
        # A healthy server may not know the position, so the first retry does not wait. Later ones do.
        if not self._is_afresh:
            self._attempt, self._is_afresh = 0, True
        after = self._since
        self._seq, self._has_joined = 0, False
        if self._begin != "0":
            self._begin = None
        if after and ":" in after:
            self._lose(Loss("stream_changed", after))

    def _lose(self, loss: Loss) -> None:
        if self.on_loss:
            self.on_loss(loss)


def is_final(code: int) -> bool:
    """Return whether a close code is final. 4001 is not: the client starts over without a position."""
    return code < PRIVATE_RETRY_FROM and code != UNKNOWN_POSITION and code not in RETRY


def parse(text: str | bytes) -> dict[str, Any] | None:
    """Parse a message. Return `None` if it is malformed."""
    try:
        message = json.loads(text)
    except ValueError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    # A message with a position must be a complete event.
    stream, seq = message.get("stream"), message.get("seq")
    if stream is None and seq is None:
        is_gap = message["type"] == "gap"
        return message if not is_gap or {int} == {type(message.get(key)) for key in ("from", "to")} else None
    is_event = isinstance(stream, str) and stream and type(seq) is int and seq > 0
    return message if is_event and isinstance(message.get("data"), dict) else None
