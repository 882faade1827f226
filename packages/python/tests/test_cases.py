"""The cases of `livetape test` in tests."""

from collections import Counter

import pytest

import livetape as lib
from livetape import LivetapeError, Tape, program

from .conftest import ROOT, fails
from .test_program import script

#: Those in which the feed never opens.
CLOSED = ("refused-final", "offline", "unauthorized")
#: It takes 15 s. A test in Rust plays it without waiting.
SLOW = "silence"


#: A bot that does everything right, on a thread of its own.
BOT = """
import json
import threading
from contextlib import suppress

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

RETRY_SECONDS, RETRY_SECONDS_MAX = 0.05, 5
FINAL = (1000, 1008)
UNKNOWN_POSITION = 4001


class start_my_bot:
    def __init__(self, url):
        self.url, self.since, self.total, self.wait = url, "", 0, RETRY_SECONDS
        self.is_asked = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def diamonds(self):
        self.is_asked.set()
        self.thread.join()
        return self.total

    def run(self):
        code = None
        while code not in FINAL:
            code = self.read()
            if code == UNKNOWN_POSITION:
                self.since = ""
            if self.is_asked.wait(self.wait):
                return
            self.wait = min(2 * self.wait, RETRY_SECONDS_MAX)

    def read(self):
        with suppress(OSError, EOFError, WebSocketException), connect(self.url + self.since, proxy=None) as socket:
            with suppress(WebSocketException):
                for message in socket:
                    self.take(json.loads(message))
            return socket.close_code

    def take(self, event):
        if "stream" not in event:
            return
        self.since, self.wait = f"?since={event['stream']}:{event['seq']}", RETRY_SECONDS
        if event["type"] == "gift":
            self.total += event["data"]["diamonds"]
"""


def count(url):
    """Return what a correct client counts."""
    totals = {"chats": 0, "gifts": 0, "diamonds": 0, "likes": 0}
    for event in lib.connect(url, delay=0.01, max_attempts=1000, max_delay=1):
        if event.type == "disconnected" and event.data["reason"] == "recording_ended":
            return totals
        totals["chats"] += event.type == "chat"
        if event.type == "gift":
            totals["gifts"] += event.data["repeatDelta"]
            totals["diamonds"] += event.data["diamonds"]
        if event.type == "like":
            totals["likes"] += event.data["likeCount"]
    return totals


def test_the_cases_are_those_of_the_program():
    listed = lib.cases()
    assert {case.group for case in listed} == {"show", "connection"}
    assert (listed[0].name, listed[0].right) == ("plain", "what was sent")
    assert set(CLOSED) < {case.name for case in listed}


@pytest.mark.livetape(speed="max", cases=[case.name for case in lib.cases() if case.name not in (*CLOSED, SLOW)])
def test_a_correct_client_counts_the_truth(livetape):
    totals = count(livetape.url)
    truth = livetape.truth()
    assert totals == {name: truth[name] for name in totals}
    assert livetape.finished().diamonds == truth["diamonds"] > 0


@pytest.mark.livetape(cases=CLOSED)
def test_a_feed_that_never_opens(livetape, livetape_case):
    with pytest.raises(LivetapeError):
        next(iter(lib.connect(livetape.url, reconnect=False)))
    assert livetape.request("GET", "/replay")["case"] == livetape_case


@pytest.mark.livetape(case="cut", speed="max")
def test_a_client_that_does_not_come_back_is_reported(livetape):
    with pytest.raises(LivetapeError, match="closed with 1006"):
        list(lib.connect(livetape.url, reconnect=False))
    with pytest.raises(LivetapeError, match="it is paused; the case `cut` may wait for clients: no client"):
        livetape.finished(timeout=0.5)


def test_the_variable_names_the_case_unless_the_test_does(monkeypatch):
    monkeypatch.setenv("LIVETAPE_CASE", "no-final")
    with Tape() as tape, Tape(case="burst") as other:
        assert [it.request("GET", "/replay")["case"] for it in (tape, other)] == ["no-final", "burst"]
    monkeypatch.setenv("LIVETAPE_CASE", "no-finals")
    with pytest.raises(LivetapeError, match=r'unknown case "no-finals"(?s:.*)did you mean `no-final`\?'):
        Tape()


def test_each_case_is_a_test_with_its_name(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.livetape(cases="all")
        def test_all(livetape):
            pass

        @pytest.mark.livetape(cases="show")
        def test_show(livetape_async):
            pass

        @pytest.mark.livetape(cases="plian")
        def test_unknown(livetape):
            pass
        """
    )
    listed = pytester.runpytest_subprocess("--collect-only", "-q").outlines
    names = [case.name for case in lib.cases()]
    show = [case.name for case in lib.cases() if case.group == "show"]
    expected = [f"test_all[{name}]" for name in names] + [f"test_show[{name}]" for name in show]
    assert [line.split("::")[1] for line in listed if "::" in line] == [*expected, "test_unknown[plian]"]
    result = pytester.runpytest_subprocess("-k", "test_unknown")
    result.assert_outcomes(errors=1, deselected=len(expected))
    result.stdout.fnmatch_lines(["*did you mean `plain`?"])


def test_a_program_that_lists_no_cases_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVETAPE_BIN", "/bin/false")
    with fails("exited", "livetape test exited with 1"):
        lib.cases()


@pytest.mark.parametrize("printed", ["", "livetape 0.1.0", '{"cases": []}', "[1]", "[]", '[{"name": "plain"}]'])
def test_a_program_that_prints_something_else_is_not_livetape(tmp_path, monkeypatch, printed):
    program = script(tmp_path, f"print({printed!r}, end='')")
    monkeypatch.setenv("LIVETAPE_BIN", program)
    with fails("not_installed", f"{program} is not livetape: it printed no list of cases"):
        lib.cases()


def test_a_program_that_hangs_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "LIST_SECONDS", 0.3)
    monkeypatch.setenv("LIVETAPE_BIN", script(tmp_path, "import sys, threading; sys.stdin.read(); threading.Event().wait()"))
    with fails("not_ready", "test --list did not end within 0.3 s"):
        lib.cases()


@pytest.mark.livetape(cases=CLOSED, hold=True)
def test_a_case_that_lets_nobody_in_is_over_a_second_after_the_first_attempt(livetape):
    with fails("timeout", "no client tried to connect within 0.1 s; the case `.*` lets nobody in"):
        livetape.finished(timeout=0.1)
    for _ in range(3):
        with pytest.raises(LivetapeError):
            next(iter(lib.connect(livetape.url, reconnect=False)))
    assert livetape.finished() == lib.Finished(0, Counter(), 0, "", refused=3)
    assert livetape.truth()["diamonds"] == 0


def test_the_code_of_the_readme_passes_in_every_case_with_a_bot_that_is_right(pytester):
    readme = (ROOT / "packages/python/README.md").read_text(encoding="utf-8")
    codes = [block.split("```")[0] for block in readme.split("```python\n")[1:] if "start_my_bot" in block.split("```")[0]]
    assert len(codes) == 2
    pytester.makepyfile(bot=BOT, **{f"test_readme_{number}": code for number, code in enumerate(codes)})
    # Each mostly waits.
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "xdist", "--numprocesses", "8")
    result.assert_outcomes(passed=1 + len(lib.cases()))
