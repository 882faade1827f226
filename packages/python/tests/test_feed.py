"""The protocol of the feed, without sockets."""

import json
import math

import pytest

from livetape import LivetapeError, Loss
from livetape.feed import Feed

from .conftest import fails


def feed(url="ws://127.0.0.1:3000/", **options):
    losses = []
    return Feed(url, on_loss=losses.append, **options), losses


def event(seq, stream="a", **keys):
    return json.dumps({"type": "chat", "data": {}, "stream": stream, "seq": seq, **keys})


def test_the_first_connection_asks_for_increments_of_gifts():
    assert feed()[0].address() == "ws://127.0.0.1:3000/?gifts=delta"
    assert feed("ws://h/?gifts=raw")[0].address() == "ws://h/?gifts=raw"
    options = {"types": ["gift", "chat"], "gifts": "final", "raw": True, "begin": 0}
    assert feed("ws://h", **options)[0].address() == "ws://h/?types=gift%2Cchat&gifts=final&raw=1&since=0"


def test_the_next_connection_resumes_after_the_last_event():
    client, losses = feed()
    client.opened(0)
    assert client.received(event(7, id="5~2", ts="2026-01-01T00:00:00.000Z", future=1)).position == "a:7"
    assert client.closed(1006, "", 0) == 1.0
    assert client.address() == "ws://127.0.0.1:3000/?gifts=delta&since=a%3A7&on_gap=skip"
    client.opened(1)
    assert client.received(event(7)) is None
    assert client.received(event(8)).seq == 8
    assert (client.stats.events, client.stats.repeated, losses) == (2, 1, [])


def test_without_an_event_yet_it_resumes_from_the_start_unless_it_has_a_filter():
    client, losses = feed()
    client.opened(0)
    client.closed(1001, "", 0)
    assert client.address().endswith("since=0")
    client, losses = feed(types=["gift"])
    client.opened(0)
    client.closed(1001, "", 0)
    assert "since" not in client.address()
    client.opened(1)
    assert losses == [Loss("no_position")]


def test_an_unknown_position_starts_over_at_once_and_only_once():
    client, losses = feed(begin="old:3")
    client.opened(0)
    assert client.closed(4001, "unknown_position", 0) == 0.0
    assert "since" not in client.address()
    assert losses == [Loss("stream_changed", "old:3")]
    client.opened(0)
    assert client.closed(4001, "unknown_position", 0) == 2.0


def test_attempts_wait_longer_and_longer_until_it_gives_up():
    client, _ = feed()
    assert [client.closed(1006, "refused", 0) for _ in range(5)] == [1, 2, 4, 8, 16]
    with fails("gave_up", "gave up after 5 attempts: refused"):
        client.closed(1006, "refused", 0)


def test_a_client_without_a_limit_of_attempts_keeps_its_maximum_delay():
    client, _ = feed(max_attempts=math.inf, max_delay=5)
    waits = [client.closed(1006, "refused", 0) for _ in range(3000)]
    assert waits == [1, 2, 4] + [5] * 2997


@pytest.mark.parametrize("works", ["an event", "five seconds"])
def test_a_connection_that_works_resets_the_attempts(works):
    client, _ = feed()
    client.closed(1006, "", 0)
    client.opened(0)
    if works == "an event":
        client.received(event(1))
    assert client.closed(1006, "", 5) == 1


def test_an_error_event_does_not_reset_the_attempts():
    client, _ = feed()
    client.closed(1011, "", 0)
    client.opened(0)
    assert client.received(event(1, type="error")).type == "error"
    assert client.closed(1011, "", 1) == 2


def test_the_error_of_a_refused_client_has_the_reason_but_not_a_position():
    client, _ = feed(max_attempts=0)
    client.opened(0)
    assert client.received(event(7)).position == "a:7"
    refusal = {"type": "error", "data": {"code": "capacity", "message": "the server is full", "hint": "wait"}}
    assert client.received(json.dumps(refusal)) is None
    assert client.position == "a:7"
    with pytest.raises(LivetapeError, match="gave up after 0 attempts: the server is full") as failed:
        client.closed(4102, "capacity", 0)
    assert (failed.value.hint, client.stats.malformed) == ("wait", 0)
    assert client.received('{"type":"error","data":1}') is None


@pytest.mark.parametrize(
    ("code", "reason", "message"), [(4102, "capacity", "the server is full"), (1008, "rate_exceeded", "closed with 1008 rate_exceeded")]
)
def test_an_earlier_error_is_not_the_reason_of_a_close(code, reason, message):
    client, _ = feed(reconnect=False)
    client.opened(0)
    client.received('{"type":"error","data":{"code":"capacity","message":"the server is full","retrying":true}}')
    with pytest.raises(LivetapeError, match=message):
        client.closed(code, reason, 0)


@pytest.mark.parametrize("code", [1008, 1009, 4000, 4002])
def test_final_codes_raise(code):
    client, _ = feed()
    client.opened(0)
    with pytest.raises(LivetapeError) as failed:
        client.closed(code, "bad_request", 0)
    assert (failed.value.code, failed.value.close_code) == ("bad_request", code)


def test_1000_ends_the_feed_and_others_retry():
    client, _ = feed()
    assert client.closed(1000, "", 0) is None
    assert [feed()[0].closed(code, "", 0) for code in (1001, 1011, 4101, 4102)] == [1, 1, 0, 1]


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (404, "refused")])
def test_a_rejected_upgrade_is_final(status, code):
    with fails(code, f"status {status}"):
        feed()[0].closed(1006, "", 0, status)
    assert feed()[0].closed(1006, "", 0, 429) == feed()[0].closed(1006, "", 0, 503) == 1


def test_a_client_id_that_the_previous_socket_still_holds_is_retried():
    client, _ = feed("ws://h/ws?client_id=bot", max_attempts=0)
    client.opened(0)
    assert client.received('{"type":"welcome"}') is None
    assert client.closed(1008, "client_id_taken", 0) == 1
    with pytest.raises(LivetapeError):
        feed("ws://h/ws?client_id=bot")[0].closed(1008, "client_id_taken", 0)


def test_gaps_are_losses():
    client, losses = feed()
    client.received(event(4))
    client.received('{"type":"gap","from":5,"to":9}')
    assert (losses, client.stats.lost) == ([Loss("gap", "a:4", 5)], 5)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"type":1}', event(0), event(-1), event(seq=True), event("1"), event(1, ""), event(1, data=[])]
)
def test_malformed_messages_are_counted_and_skipped(text):
    client, _ = feed()
    for message in (text, text.encode(), b"\xff", '{"type":"gap","from":"1","to":2}'):
        assert client.received(message) is None
    assert client.stats.malformed == 4


def test_an_address_of_another_kind_is_rejected():
    with pytest.raises(LivetapeError, match="`http://h/` is not an address of a feed"):
        feed("http://h/")
