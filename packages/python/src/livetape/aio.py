"""Coroutines of tapes and mocks, for tests with asyncio or trio."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import Future
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from .mock import Mock
from .send import Send
from .tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from typing_extensions import Self

T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")


class Wrapped(Generic[T_co]):
    """A wrapper whose coroutines call the methods of the wrapped object."""

    def __init__(self, wrapped: T_co) -> None:
        self._wrapped = wrapped


def coroutine(
    method: Callable[Concatenate[T_co, P], R],
) -> Callable[Concatenate[Wrapped[T_co], P], Coroutine[Any, Any, R]]:
    """Return a coroutine function that calls a method on a thread of its own.

    Not `asyncio.to_thread`: at the end of the loop, that would wait for calls of tests that were cancelled.
    """

    @wraps(method)
    async def call(self: Wrapped[T_co], /, *args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        trio: Any = sys.modules.get("trio")
        if trio and trio.lowlevel.in_trio_run():
            result: R = await trio.to_thread.run_sync(partial(method, self._wrapped, *args, **kwargs), abandon_on_cancel=True)
            return result
        future: Future[R] = Future()
        # The thread cannot be interrupted: a cancelled caller does not wait for it.
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                future.set_result(method(self._wrapped, *args, **kwargs))
            except Exception as error:  # noqa: BLE001
                future.set_exception(error)

        threading.Thread(target=run, name="livetape-call", daemon=True).start()
        return await asyncio.wrap_future(future)

    return call


class AsyncSend(Wrapped[Send]):
    """Coroutines of `Send`."""

    gift = coroutine(Send.gift)
    chat = coroutine(Send.chat)
    like = coroutine(Send.like)
    join = coroutine(Send.join)
    follow = coroutine(Send.follow)
    share = coroutine(Send.share)
    subscribe = coroutine(Send.subscribe)
    question = coroutine(Send.question)
    emote = coroutine(Send.emote)
    envelope = coroutine(Send.envelope)
    battle = coroutine(Send.battle)
    poll = coroutine(Send.poll)
    viewers = coroutine(Send.viewers)
    end = coroutine(Send.end)
    raw = coroutine(Send.raw)


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
    finished = coroutine(Tape.finished)
    verify = coroutine(Tape.verify)
    stop = coroutine(Tape.stop)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


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
