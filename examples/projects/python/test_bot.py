"""The bot in shows that livetape plays: `livetape test --list` describes the cases."""

import asyncio
import contextlib
import threading

import pytest

from bot import Bot


@contextlib.contextmanager
def running(tape):
    """Run a bot beside the test, until the source ends."""
    bot = Bot()
    thread = threading.Thread(target=asyncio.run, args=[bot.run(tape.url)], daemon=True)
    thread.start()
    tape.wait_for_clients(1)
    yield bot
    tape.drop(1000)
    thread.join(timeout=10)
    assert not thread.is_alive(), "the bot did not end with its source"


@pytest.mark.livetape(hold=True)
def test_a_streak_is_counted_once(livetape):
    with running(livetape) as bot:
        livetape.send.gift("ann", "Rose", count=5, combo=True)
    assert (bot.totals.gifts, bot.totals.gifters) == (5, {"ann": 5})


@pytest.mark.livetape(cases=["again", "no-final", "late-final", "cut-in-streak"], speed="max")
def test_what_the_bot_once_counted_wrong(livetape):
    with running(livetape) as bot:
        livetape.finished()
    right = livetape.truth()
    assert (bot.totals.diamonds, bot.totals.likes) == (right["diamonds"], right["likes"])


@pytest.mark.livetape(hold=True)
def test_a_broken_connection_is_opened_again(livetape):
    with running(livetape) as bot:
        livetape.drop(1011)
        livetape.wait_for_clients(1)
        livetape.send.chat("ann", "still there?")
    assert bot.totals.chats == 1
