"""The cases of `livetape test` in tests."""

import pytest

import livetape as lib
from livetape import LivetapeError, Tape

from .conftest import fails

#: Those in which the feed never opens.
CLOSED = ("refused-final", "offline", "unauthorized")
#: It takes 15 s. A test in Rust plays it without waiting.
SLOW = "silence"


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
