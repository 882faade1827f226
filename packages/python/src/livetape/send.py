"""Sends a test's own messages into a tape."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .aio import Wrapped, coroutine
from .errors import LivetapeError

if TYPE_CHECKING:
    from .server import Server

#: A unique name, or `{"uniqueId": "ann", "nickname": "Ann ♥", "isModerator": True}`, with any keys of users.
User: TypeAlias = str | Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """The events of a sent message, and the number of clients that they were sent to."""

    ids: list[str]  #: IDs of the messages, as in the field `id` of events.
    seqs: list[int]  #: Sequence numbers of the events.
    delivered: int  #: Number of clients that were sent at least one of the events.


class Send:
    """Sends messages, which are decoded and broadcast like recorded ones.

    A method returns once its events are broadcast. Keys that are `None` have the server's
    defaults.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def gift(  # noqa: PLR0913
        self, user: User, gift: str, *, count: int = 1, combo: bool = False, diamonds: int | None = None, picture_url: str | None = None
    ) -> Sent:
        """Send a gift. With `combo`, send a streak as if the user tapped `count` times, then its final.

        `diamonds` is the price of one gift. It is required for gifts that livetape does not know.
        """
        return self._send("gift", user=user, gift=gift, count=count, combo=combo, diamonds=diamonds, pictureUrl=picture_url)

    def chat(self, user: User, comment: str) -> Sent:
        """Send a chat message."""
        return self._send("chat", user=user, comment=comment)

    def like(self, user: User, count: int = 1, *, total: int | None = None) -> Sent:
        """Send likes, as if the user tapped the screen `count` times."""
        return self._send("like", user=user, count=count, total=total)

    def join(self, user: User, *, member_count: int | None = None) -> Sent:
        """Send the message that a viewer joined the room."""
        return self._send("join", user=user, memberCount=member_count)

    def follow(self, user: User, *, follow_count: int | None = None) -> Sent:
        """Send the message that a viewer followed the host."""
        return self._send("follow", user=user, followCount=follow_count)

    def share(self, user: User, *, share_count: int | None = None) -> Sent:
        """Send the message that a viewer shared the LIVE."""
        return self._send("share", user=user, shareCount=share_count)

    def repost(self, user: User) -> Sent:
        """Send the message that a viewer reposted the LIVE."""
        return self._send("repost", user=user)

    def subscribe(self, user: User, months: int | None = None) -> Sent:
        """Send the message that a viewer subscribed; `months` is the number of months so far."""
        return self._send("subscribe", user=user, months=months)

    def question(self, user: User, question: str) -> Sent:
        """Send a question to the host."""
        return self._send("question", user=user, question=question)

    def emote(self, user: User, emote_id: str, *, picture_url: str | None = None) -> Sent:
        """Send an emote of the host."""
        return self._send("emote", user=user, emoteId=emote_id, pictureUrl=picture_url)

    def envelope(self, user: User, diamonds: int, *, people: int | None = None) -> Sent:
        """Send a box of diamonds that up to `people` viewers may open."""
        return self._send("envelope", user=user, diamonds=diamonds, people=people)

    def battle(
        self, user: User, opponent: User, *, points: int | None = None, opponent_points: int | None = None, over: bool = False
    ) -> Sent:
        """Send the beginning of a battle between two hosts, or its end with `over`; with points, also the score."""
        return self._send("battle", user=user, opponent=opponent, points=points, opponentPoints=opponent_points, over=over)

    def poll(self, user: User, question: str, options: Sequence[str]) -> Sent:
        """Send a poll with 2 to 10 answers."""
        # A `str` is a sequence too: each letter would be an answer.
        if isinstance(options, str):
            raise LivetapeError("bad_request", f"`options` is {options!r}", "pass a list of answers")
        return self._send("poll", user=user, question=question, options=list(options))

    def viewers(self, viewer_count: int) -> Sent:
        """Send the number of viewers in the room."""
        return self._send("viewers", viewerCount=viewer_count)

    def end(self) -> Sent:
        """Send the message that the LIVE has ended."""
        return self._send("end")

    def raw(self, method: str, payload: bytes) -> Sent:
        """Send any message, with its protobuf."""
        return self._send("raw", method=method, payload=base64.b64encode(payload).decode())

    def _send(self, kind: str, **keys: Any) -> Sent:
        body = {"type": kind, **{key: value for key, value in keys.items() if value is not None}}
        answer = self._server.request("POST", "/inject", body)
        return Sent(answer["ids"], answer["seqs"], answer["delivered"])


class AsyncSend(Wrapped[Send]):
    """Coroutines of `Send`."""

    gift = coroutine(Send.gift)
    chat = coroutine(Send.chat)
    like = coroutine(Send.like)
    join = coroutine(Send.join)
    follow = coroutine(Send.follow)
    share = coroutine(Send.share)
    repost = coroutine(Send.repost)
    subscribe = coroutine(Send.subscribe)
    question = coroutine(Send.question)
    emote = coroutine(Send.emote)
    envelope = coroutine(Send.envelope)
    battle = coroutine(Send.battle)
    poll = coroutine(Send.poll)
    viewers = coroutine(Send.viewers)
    end = coroutine(Send.end)
    raw = coroutine(Send.raw)
