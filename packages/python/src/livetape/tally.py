"""Counts the events of a tape while they are broadcast."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import OK, HTTPException
from typing import TYPE_CHECKING, Any

from .errors import LivetapeError
from .server import answer, polls

if TYPE_CHECKING:
    from .server import Server

#: An observer neither counts as a client nor slows the replay down. Each gift of a streak counts once.
FEED = "/events?observer=1&gifts=delta&since=0"


@dataclass(frozen=True)
class Finished:
    """Summary of a finished replay."""

    events: int  #: Number of events.
    by_type: Counter[str]  #: Number of events of each type, such as `chat` or `gift`; 0 for a type that did not occur.
    diamonds: int  #: Total value of all gifts since the last lap or seek, in diamonds, as in `Tape.truth`.
    lost: str  #: Describes data that is missing or unreadable; empty if nothing was lost.
    refused: int = 0  #: Number of attempts to connect so far, up to 1,000, in a case that lets nobody in.


class Tally(threading.Thread):
    """Reads the feed of a server on a thread of its own."""

    def __init__(self, server: Server) -> None:
        super().__init__(name="livetape-tally", daemon=True)
        self._server = server
        self._changed = threading.Condition()
        self._by_type: Counter[str] = Counter()
        self._skipped = 0
        self._has_ended = False
        self._is_broken = False
        self._rejection: LivetapeError | None = None

    def run(self) -> None:
        """Count events until the server stops."""
        try:
            # As soon as it listens.
            self._server.request("GET", "/status")
            with suppress(OSError, HTTPException, ValueError), closing(self._server.connect(timeout=None)) as connection:
                connection.request("GET", FEED)
                response = connection.getresponse()
                for line in response if response.status == OK else answer(response):
                    event = json.loads(line)
                    with self._changed:
                        self._count(event)
                        self._changed.notify_all()
        except LivetapeError as error:
            self._rejection = error
        with self._changed:
            self._is_broken = True
            self._changed.notify_all()

    def set_ended(self, *, ended: bool) -> None:
        """Set whether the recording has ended."""
        with self._changed:
            self._has_ended = ended

    def finished(self, patience: float, refused: int = 0) -> Finished | None:
        """Wait for the end of the recording, and until clients were sent all events.

        A recording has no end if attempts to connect were refused. Return `None` if no event arrives within `patience`
        seconds, or if a client does not read for as long.
        """
        with self._changed:
            while not (self._has_ended or refused):
                if self._is_broken:
                    raise self._rejection or self._server.unreachable()
                if not self._changed.wait(patience):
                    return None
        for _ in polls(patience):
            if not (status := self._server.request("GET", "/status")).get("behind", 0):
                break
        else:
            return None
        with self._changed:
            by_type = self._by_type.copy()
            skipped = self._skipped
        diamonds = self._server.request("GET", "/truth")["diamonds"]
        return Finished(by_type.total(), by_type, diamonds, describe(status["counts"], skipped), refused)

    def _count(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "gap":
            self._skipped += event["to"] - event["from"] + 1
            return
        # A seek after the end resumes the replay: its first event is `connection_created`. An injected event does not resume it.
        self._has_ended = kind == "disconnected" or (self._has_ended and kind != "connection_created")
        self._by_type[kind] += 1


def describe(counts: dict[str, Any], skipped: int) -> str:
    """Describe the losses in the counts of a server, and events that the tally could not count."""
    # Repaired texts only lose their invalid bytes.
    undecoded = sum(count for fault, count in counts["faults"].items() if fault != "bad_utf8")
    counted = [
        (counts["recordsMissing"], "record missing", "records missing"),
        (counts["unreadableBytes"], "byte unreadable", "bytes unreadable"),
        (undecoded, "frame or message unreadable", "frames and messages unreadable"),
        (skipped, "event broadcast too fast to be counted", "events broadcast too fast to be counted"),
    ]
    parts = [f"{number} {one if number == 1 else many}" for number, one, many in counted if number]
    return "; ".join([*parts, *(["not sealed: the end may be missing"] if counts["unsealed"] else [])])
