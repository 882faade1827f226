"""The mock, tested the way users test theirs."""

import asyncio
import json
import math
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from livetape import LivetapeError, Mock, Seen

from .conftest import ROOT, fails

LOOKUP = "/api-live/user/room"
OFFLINE = '[[user]]\nname = "ann"\nstate = "offline"\n'


def look_up(mock):
    try:
        with urlopen(f"{mock.url}{LOOKUP}/?aid=1988&uniqueId=ann") as response:
            return response.status, json.load(response)
    except HTTPError as error:
        error.close()
        return error.code, {}


def test_expectations_that_are_met_pass(livetape_mock):
    livetape_mock.expect(Seen.request(LOOKUP), 1)
    livetape_mock.expect(Seen.request(LOOKUP), at_least=1, at_most=2)
    livetape_mock.expect(Seen.CONNECTION, 0)
    assert look_up(livetape_mock)[0] == 200
    assert livetape_mock.wait_for(Seen.request(LOOKUP))[0]["status"] == 200
    assert livetape_mock.received(Seen.ACK) == []
    livetape_mock.verify()


def test_an_expectation_without_a_count_means_at_least_once(livetape_mock):
    livetape_mock.expect(Seen.request("/y"))
    with fails("unmet", "expected 1 or more requests of /y, got 0"):
        livetape_mock.verify()
    livetape_mock.expect(Seen.request("/y"), at_most=1)
    livetape_mock.verify()


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        (lambda mock: mock.expect(Seen.ACK, -1), "`times` is -1\n  hint: choose a whole number from 0"),
        (lambda mock: mock.expect(Seen.ACK, math.nan), "`times` is nan"),
        (lambda mock: mock.expect(Seen.ACK, "1"), "`times` is '1'"),
        (lambda mock: mock.expect(Seen.ACK, at_least=-1), "`at_least` is -1"),
        (lambda mock: mock.expect(Seen.ACK, at_most=math.nan), "`at_most` is nan"),
        (lambda mock: mock.expect(Seen.ACK, at_least=3, at_most=2), "`at_least` is 3, and `at_most` is 2"),
        (lambda mock: mock.expect_no_reconnect_before(math.nan), "`seconds` is nan"),
        (lambda mock: mock.expect_no_reconnect_before("2s"), "`seconds` is '2s'\n  hint: choose a number from 0"),
        (lambda mock: mock.wait_for(Seen.ACK, math.nan), "`at_least` is nan"),
        (lambda mock: Seen.close("1000"), "`code` is '1000'"),
        (lambda mock: Seen.request("y"), "the path `y` does not begin with a slash\n  hint: use `/y`"),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_rejected(livetape_mock, expect, message):
    with fails("bad_request", message):
        expect(livetape_mock)


def test_unmet_expectations_name_the_line_of_the_test_and_what_happened(livetape_mock):
    look_up(livetape_mock)
    livetape_mock.expect(Seen.request("/api-live/user/rooms"), 2)
    livetape_mock.expect(Seen.CONNECTION, at_least=1)
    livetape_mock.expect(Seen.close(1000), at_least=1, at_most=2)
    with pytest.raises(LivetapeError) as failed:
        livetape_mock.verify()
    assert "expected 2 requests of /api-live/user/rooms, got 0" in failed.value.message
    assert f"nearest: {LOOKUP}" in failed.value.message
    assert "expected 1 or more connections, got 0" in failed.value.message
    assert "expected 1 to 2 closes with 1000, got 0" in failed.value.message
    assert "test_mock.py:7" in failed.value.message
    assert f"GET {LOOKUP}/ → 200" in failed.value.message
    livetape_mock.verify()


@pytest.mark.livetape(mock=ROOT / "fixtures/scenarios/rate-limited-twice.toml")
def test_a_client_that_is_too_early_is_reported(livetape_mock):
    livetape_mock.expect_no_reconnect_before(2)
    assert [look_up(livetape_mock)[0] for _ in range(2)] == [429, 429]
    with pytest.raises(LivetapeError, match=r"expected no request for 2 s after the failure at \d+ ms; one came after \d+ ms"):
        livetape_mock.verify()


@pytest.mark.livetape(mock=OFFLINE)
def test_a_scenario_is_given_as_text_and_replaced(livetape_mock):
    offline = look_up(livetape_mock)[1]
    livetape_mock.set_scenario(OFFLINE.replace("offline", "live"))
    assert livetape_mock.received() == []
    assert look_up(livetape_mock)[1] != offline
    livetape_mock.reset()
    assert livetape_mock.received() == []


@pytest.mark.livetape("demo", mock=OFFLINE, hold=True)
def test_a_tape_with_a_mock_connects_to_it(livetape, livetape_mock):
    assert livetape.env["SIGN_API_URL"] == livetape_mock.url
    livetape.request("DELETE", "/connect/demo")
    with fails("user_offline"):
        livetape.request("POST", "/connect/ann")
    livetape_mock.wait_for(Seen.request(LOOKUP))


def test_what_never_comes_times_out_and_reports_what_happened(livetape_mock):
    with fails("timeout", "(?s)expected 1 or more heartbeats, got 0 within 0.05 s.*received nothing"):
        livetape_mock.wait_for(Seen.HEARTBEAT, timeout=0.05)


def test_a_mock_that_dies_fails_the_block():
    with fails("exited", "livetape mock exited with -9"), Mock() as mock:
        mock._server._process.kill()
        mock._server._process.wait()


def test_a_mistake_in_a_scenario_is_reported_with_its_line():
    with pytest.raises(LivetapeError, match="livetape mock exited with 2 before it was ready") as failed, Mock("sped = 1\n"):
        pass
    assert "sped" in failed.value.message


def test_a_block_that_fails_anyway_fails_with_its_own_message():
    with pytest.raises(ZeroDivisionError), Mock() as mock:
        mock.expect(Seen.ACK, 1)
        raise ZeroDivisionError
    with pytest.raises(LivetapeError, match="expected 1 ack, got 0"), Mock() as mock:
        mock.expect(Seen.ACK, 1)


def test_coroutines_do_the_same(livetape_mock_async):
    async def test():
        livetape_mock_async.expect(Seen.request(LOOKUP), 1)
        await asyncio.to_thread(look_up, livetape_mock_async)
        await livetape_mock_async.wait_for(Seen.request(LOOKUP))
        await livetape_mock_async.verify()

    asyncio.run(test())


def test_tiktoklive_connects_to_the_mock_as_the_readme_shows(pytester):
    readme = (ROOT / "packages/python/README.md").read_text(encoding="utf-8")
    [code] = [block.split("```")[0] for block in readme.split("```python\n")[1:] if "TikTokLiveClient" in block.split("```")[0]]
    pytester.makepyfile(code)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
