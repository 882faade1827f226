"""Test TikTok LIVE bots, overlays and games offline: tapes, a mock TikTok, and a client of the feed."""

from .client import Client, connect
from .errors import LivetapeError
from .feed import Event, Loss, Stats
from .mock import Mock, Seen
from .program import Case, cases
from .send import Send, Sent
from .tally import Finished
from .tape import PATIENCE, Tape

__all__ = [
    "PATIENCE",
    "Case",
    "Client",
    "Event",
    "Finished",
    "LivetapeError",
    "Loss",
    "Mock",
    "Seen",
    "Send",
    "Sent",
    "Stats",
    "Tape",
    "cases",
    "connect",
]
