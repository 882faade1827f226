"""Each bug planted in `bots/bot.py` is found by the test for it, and only by that one."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "bots/test_bot.py"
BUGS = {
    "Impatient": ("test_it_waits_as_long_as_tiktok_asks", "expected no request for 1 s after the failure"),
    "Greedy": ("test_it_counts_each_gift_of_a_streak_once", "{'ann': 20} == {'ann': 5}"),
    "Forgetful": ("test_it_resumes_where_it_was_disconnected", "{'ann': 1} == {'ann': 1, 'ben': 3}"),
    "Fragile": ("test_it_survives_any_comment", "ValueError: invalid literal for int() with base 10: 'trouble'"),
}


def run(pytester, monkeypatch, bot):
    monkeypatch.setenv("BOT", bot)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", TESTS)


@pytest.mark.parametrize("bot", BUGS)
def test_a_planted_bug_is_found(pytester, monkeypatch, bot):
    name, message = BUGS[bot]
    result = run(pytester, monkeypatch, bot)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([f"*_ {name} _*"])
    assert message in result.stdout.str()


def test_the_healthy_bot_passes(pytester, monkeypatch):
    run(pytester, monkeypatch, "Healthy").assert_outcomes(passed=4)
