"""Coroutines for the methods of tapes and mocks, for tests with asyncio or trio."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

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
        # Here, because the plugin is loaded by every test run.
        import asyncio

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
