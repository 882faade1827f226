"""The client, against a server."""

import asyncio
import socket
import threading

import pytest

import livetape as lib
from livetape import LivetapeError, Tape


def chats(events, count):
    """Return the first comments, as `for` sees them."""
    comments = []
    for event in events:
        comments += [event.data["comment"]] if event.type == "chat" else []
        if len(comments) == count:
            return comments
    return comments


@pytest.mark.livetape(speed="max")
def test_a_loop_gets_all_that_finished_reports(livetape):
    client = lib.connect(livetape.url)
    diamonds = 0
    for event in client:
        diamonds += event.data["diamonds"] if event.type == "gift" else 0
        if event.type == "disconnected":
            break
    finished = livetape.finished()
    assert (diamonds, client.stats.events) == (finished.diamonds, finished.events)


@pytest.mark.livetape(hold=True)
def test_it_resumes_after_a_drop_without_gaps_or_repeats(livetape):
    client = lib.connect(livetape.url, delay=0.2, since=0)
    livetape.send.chat("ann", "one")
    got = []
    loop = threading.Thread(target=lambda: got.extend(chats(client, 3)))
    loop.start()
    livetape.wait_for_clients(1)
    livetape.drop(1011)
    livetape.send.chat("ann", "two")
    livetape.wait_for_clients(1)
    livetape.send.chat("ann", "three")
    loop.join(10)
    assert got == ["one", "two", "three"]
    assert (client.stats.connections, client.stats.repeated) == (2, 0)


@pytest.mark.livetape(hold=True)
def test_it_resumes_in_asyncio(livetape):
    async def test():
        client = lib.connect(livetape.url, delay=0.2, since=0)
        got = []

        async def loop():
            async with client:
                async for event in client:
                    got.append(event.data["comment"])
                    if len(got) == 2:
                        break

        task = asyncio.create_task(loop())
        tape = livetape.aio
        await tape.wait_for_clients(1)
        await tape.send.chat("ann", "one")
        await tape.drop(1011)
        await tape.send.chat("ann", "two")
        await asyncio.wait_for(task, 10)
        assert got == ["one", "two"]
        assert client.stats.connections == 2

    asyncio.run(test())


@pytest.mark.livetape(hold=True)
def test_a_later_loop_continues_where_the_last_one_stopped(livetape):
    for comment in ("one", "two"):
        livetape.send.chat("ann", comment)
    client = lib.connect(livetape.url, since=0)
    assert chats(client, 1) == ["one"]
    assert chats(client, 1) == ["two"]


def test_another_server_is_reported_as_a_loss():
    losses = []
    with Tape(hold=True) as one:
        one.send.chat("ann", "one")
        client = lib.connect(one.url, since=0)
        chats(client, 1)
    with Tape(hold=True) as two:
        two.send.chat("ann", "two")
        moved = lib.connect(two.url, since=client.position, on_loss=losses.append)
        loop = threading.Thread(target=chats, args=(moved, 1))
        loop.start()
        two.wait_for_clients(1)
        two.send.chat("ann", "three")
        loop.join(10)
    assert losses == [lib.Loss("stream_changed", client.position)]
    assert moved.position.endswith(":2")


def test_the_end_of_the_source_ends_the_loop(livetape):
    client = lib.connect(livetape.url, since=0)
    loop = threading.Thread(target=lambda: list(client))
    loop.start()
    livetape.wait_for_clients(1)
    livetape.drop(1000)
    loop.join(10)
    assert not loop.is_alive()


@pytest.mark.livetape(hold=True)
def test_another_thread_ends_the_loop(livetape):
    client = lib.connect(livetape.url)
    loop = threading.Thread(target=lambda: list(client))
    loop.start()
    livetape.wait_for_clients(1)
    client.close()
    loop.join(10)
    assert not loop.is_alive()


def test_rejected_parameters_raise_the_code_of_the_server(livetape):
    with pytest.raises(LivetapeError) as failed:
        list(lib.connect(livetape.url + "?speed=9"))
    assert (failed.value.code, failed.value.close_code) == ("bad_request", 1008)


def test_a_server_that_is_not_there_is_retried_then_reported():
    # Bound, but without `listen`: it refuses connections, and keeps others from taking the port.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(LivetapeError, match="gave up after 2 attempts"):
            list(lib.connect(url, max_attempts=2, delay=0.01))
        with pytest.raises(LivetapeError, match="refused") as failed:
            list(lib.connect(url, reconnect=False))
    assert failed.value.code == "connection_failed"


def test_a_proxy_in_the_environment_is_not_used_for_this_machine(livetape, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    livetape.send.chat("ann", "hi")
    assert chats(lib.connect(livetape.url, since=0), 1) == ["hi"]
