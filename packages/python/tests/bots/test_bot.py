"""Tests of the bot that `BOT` names, written the way users write theirs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RATE_LIMITED_ONCE = """
[[fault]]
at = "lookup"
kind = "status"
status = 429
retry_after = 1
times = 1
"""


class Bot:
    def __init__(self, tape):
        command = [sys.executable, Path(__file__).with_name("bot.py"), os.environ.get("BOT", "Healthy")]
        self.process = subprocess.Popen(command, env={**os.environ, **tape.env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def reconnect(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def summary(self):
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, "the bot died"
        return json.loads(output)


@pytest.fixture
def bot(livetape):
    bot = Bot(livetape)
    with bot.process:
        yield bot
        bot.process.kill()


@pytest.mark.livetape(hold=True, mock=RATE_LIMITED_ONCE)
def test_it_waits_as_long_as_tiktok_asks(livetape, livetape_mock, bot):
    livetape_mock.expect_no_reconnect_before(1)
    livetape.wait_for_clients(1)
    livetape.send.end()
    bot.summary()


@pytest.mark.livetape(hold=True)
def test_it_counts_each_gift_of_a_streak_once(livetape, bot):
    livetape.wait_for_clients(1)
    livetape.send.gift("ann", "Rose", count=5, combo=True)
    livetape.send.end()
    assert bot.summary()["diamonds"] == {"ann": 5}


@pytest.mark.livetape(hold=True)
def test_it_resumes_where_it_was_disconnected(livetape, bot):
    livetape.wait_for_clients(1)
    livetape.send.gift("ann", "Rose")
    livetape.drop(1011)
    livetape.send.gift("ben", "Rose", count=3)
    bot.reconnect()
    livetape.wait_for_clients(1)
    livetape.send.end()
    assert bot.summary()["diamonds"] == {"ann": 1, "ben": 3}


@pytest.mark.livetape(hold=True)
def test_it_survives_any_comment(livetape, bot):
    livetape.wait_for_clients(1)
    for comment in ("!double 4", "!double trouble", "!double 5"):
        livetape.send.chat("ann", comment)
    livetape.send.end()
    assert bot.summary()["replies"] == ["8", "not a number", "10"]
