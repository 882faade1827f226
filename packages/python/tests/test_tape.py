"""Tapes, tested the way users test theirs."""

import asyncio
import inspect
import math
import os
import signal
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest
import trio

import livetape as lib
from livetape import LivetapeError, Tape
from livetape.proxy import direct

from .conftest import ROOT, fails

SIX_SECONDS = ROOT / "crates/testing/recordings/six-seconds.bin"


def test_the_show_waits_for_a_client(livetape):
    assert livetape.url.startswith("ws://127.0.0.1:")
    assert livetape.url.endswith("/")
    assert livetape.request("GET", "/replay")["state"] == "waiting"
    assert next(iter(lib.connect(livetape.url))).type == "connection_created"


@pytest.mark.livetape(speed="max", wait_clients=0)
def test_finished_counts_events_and_diamonds(livetape):
    finished = livetape.finished()
    assert (finished.by_type["chat"], finished.by_type["no_such_type"], finished.diamonds) == (63, 0, 114)
    assert finished.events == sum(finished.by_type.values())
    assert finished.lost == ""


@pytest.mark.livetape(speed="max")
def test_the_truth_is_what_a_client_counts_after_each_event(livetape):
    events = []
    for event in lib.connect(livetape.url):
        events.append(event)
        if event.type == "disconnected":
            break
    truth = livetape.truth()
    assert (truth["chats"], truth["diamonds"], truth["top_gifter"]) == (63, 114, "umbra_walnut0518")
    gifts = [event.data for event in events if event.type == "gift"]
    assert truth["gifts"] == sum(gift["repeatDelta"] for gift in gifts)
    first = next(event for event in events if event.type == "chat")
    assert livetape.truth(first.seq)["chats"] == 1
    with pytest.raises(LivetapeError, match="after the newest"):
        livetape.truth(truth["seq"] + 1)


@pytest.mark.livetape(SIX_SECONDS, speed="max", start="1s", end=2.5, laps=2, idle_limit=0.1, wait_clients=0)
def test_a_range_is_repeated(livetape):
    state = livetape.request("GET", "/replay")
    assert (state["fromMs"], state["toMs"], state["laps"]) == (1000, 2500, 2)
    assert livetape.finished().by_type["connection_created"] == 2


@pytest.mark.livetape(hold=True)
def test_every_kind_of_message_is_sent(livetape):
    send = livetape.send
    ann = {"uniqueId": "ann", "nickname": "Ann ♥"}
    sent = {
        "chat": send.chat(ann, "hi"),
        "gift": send.gift("ann", "Rose", count=3, combo=True),
        "like": send.like("ann", 15),
        "member": send.join("ann"),
        "social": send.follow("ann"),
        "subscribe": send.subscribe("ann", 3),
        "question": send.question("ann", "Where are you from?"),
        "emote": send.emote("ann", "7"),
        "envelope": send.envelope("ann", 100, people=5),
        "battle": send.battle("host", "other", points=3, opponent_points=4, over=True),
        "poll": send.poll("host", "Tea?", ["yes", "no"]),
        "room_user": send.viewers(1200),
        "control": send.end(),
        "unknown": send.raw("WebcastNew", b"\x08\x01"),
    }
    send.share("ann")
    assert (len(sent["gift"].seqs), len(sent["gift"].ids)) == (4, 4)
    assert all(answer.delivered == 0 for answer in sent.values())
    got = {}
    for event in lib.connect(livetape.url, since=0, raw=True):
        assert event.injected
        got.setdefault(event.type, event)
        if event.data.get("shareCount") is not None and event.data["action"] == "share":
            break
    assert got.keys() == {*sent, "battle_score"}
    assert {got[kind].seq for kind in sent} == {answer.seqs[0] for answer in sent.values()}
    assert got["chat"].id == sent["chat"].ids[0]
    assert got["chat"].data["user"]["nickname"] == "Ann ♥"
    assert got["question"].data["questionText"] == "Where are you from?"


def test_the_kinds_are_those_of_the_server(livetape):
    variants = livetape.request("GET", "/openapi.json")["components"]["schemas"]["InjectRequest"]["oneOf"]
    kinds = {variant["properties"]["type"]["const"] for variant in variants}
    methods = {name for name, _ in inspect.getmembers(lib.Send, inspect.isfunction) if not name.startswith("_")}
    assert methods == (kinds - {"member", "room_user"}) | {"join", "viewers"}


@pytest.mark.livetape(SIX_SECONDS)
def test_a_tape_is_paused_stepped_and_moved(livetape):
    chats = (event for event in lib.connect(livetape.url, types=["chat"]) if event.type == "chat")
    first = next(chats)
    livetape.pause()
    livetape.step(1)
    livetape.seek(0)
    livetape.play()
    again = next(event for event in chats if event.data == first.data)
    assert again.id != first.id
    with pytest.raises(LivetapeError, match="beyond the end"):
        livetape.seek(60)
    with pytest.raises(LivetapeError, match="`count`|count"):
        livetape.step(0)


@pytest.mark.livetape(SIX_SECONDS, speed="max", wait_clients=0)
def test_an_event_after_the_end_does_not_resume_the_show_but_a_seek_does(livetape):
    first = livetape.finished()
    livetape.send.chat("ann", "late")
    assert livetape.finished().by_type["connection_created"] == 1
    livetape.seek(0)
    assert livetape.finished().by_type["chat"] == 2 * first.by_type["chat"] + 1
    with pytest.raises(LivetapeError, match="beyond the end"):
        livetape.seek(60)
    livetape.finished()


@pytest.mark.livetape(hold=True)
@pytest.mark.parametrize(("drop", "code"), [({"code": 4103, "reason": "maintenance"}, 4103), ({"abort": True}, 1006)])
def test_dropped_clients_get_the_code_or_no_close_frame_and_observers_stay(livetape, drop, code):
    codes = []

    def client():
        try:
            list(lib.connect(livetape.url, reconnect=False))
        except LivetapeError as error:
            codes.append(error.close_code)

    watcher = threading.Thread(target=lambda: list(lib.connect(livetape.url + "?observer=1")))
    watcher.start()
    clients = [threading.Thread(target=client) for _ in range(2)]
    for thread in clients:
        thread.start()
    livetape.wait_for_clients(2)
    livetape.drop(**drop)
    for thread in clients:
        thread.join(10)
    assert codes == [code, code]
    assert watcher.is_alive()
    livetape.request("POST", "/connections/" + livetape.request("GET", "/connections")["connections"][0]["id"] + "/close", {})
    watcher.join(10)


@pytest.mark.livetape(hold=True)
def test_close_codes_that_a_frame_cannot_have_are_rejected_with_those_it_can(livetape):
    for code in [1004, 1006, 1015, 2999, 5000, True, "1011"]:
        with pytest.raises(LivetapeError, match=r"1000 to 1003, 1007 to 1014, 3000 to 4999; .*`drop\(abort=True\)`"):
            livetape.drop(code)
    for wrong in [{"code": 1011, "abort": True}, {"reason": "x", "abort": True}, {"abort": 1}]:
        with pytest.raises(LivetapeError, match="`abort` is"):
            livetape.drop(**wrong)


def test_clients_that_never_come_are_reported_with_those_that_did(livetape):
    with fails("timeout", r"0 of 1 clients connected within 0.05 s: no client") as failed:
        livetape.wait_for_clients(1, timeout=0.05)
    assert livetape.url in failed.value.hint
    done = threading.Event()

    def one_client():
        for _ in lib.connect(livetape.url + "ws?client_id=bot"):
            if done.is_set():
                break

    thread = threading.Thread(target=one_client, daemon=True)
    thread.start()
    livetape.wait_for_clients(1)
    with pytest.raises(LivetapeError, match=r"1 of 2 clients connected within 0.05 s: /ws \(bot\)"):
        livetape.wait_for_clients(2, timeout=0.05)
    done.set()
    livetape.drop(1000)
    thread.join(10)


@pytest.mark.livetape(wait_clients=0)
def test_a_show_that_is_paused_does_not_finish(livetape):
    livetape.pause()
    with fails("timeout", "the replay did not finish: it is paused"):
        livetape.finished(timeout=0.3)


@pytest.mark.livetape(hold=True)
def test_a_held_show_does_not_finish_without_play(livetape):
    client = lib.connect(livetape.url)
    thread = threading.Thread(target=lambda: list(client))
    thread.start()
    livetape.wait_for_clients(1)
    with pytest.raises(LivetapeError, match=r"the replay did not finish: it is held\n  hint: call `play\(\)`"):
        livetape.finished()
    livetape.drop(1000)
    thread.join(10)


def test_a_show_that_nobody_watches_does_not_finish(livetape):
    with pytest.raises(LivetapeError, match="did not finish: it waits for clients: no client"):
        livetape.finished(timeout=0.1)


def test_an_unknown_gift_is_rejected_with_the_nearest_names(livetape):
    with pytest.raises(LivetapeError, match="unknown gift `Rosse`\n  hint: did you mean `Rose`"):
        livetape.send.gift("ann", "Rosse")
    assert livetape.send.gift("ann", "Rosse", diamonds=5).delivered == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda tape: tape.seek(math.nan), "`offset` is nan\n  hint: choose a number from 0"),
        (lambda tape: tape.seek(None), "`offset` is None"),
        (lambda tape: tape.send.gift("ann", "Rose", count=0), "`count` is 0\n  hint: choose a number from 1 to 1000000"),
        (lambda tape: tape.send.gift("ann", "Rose", count=10**9), "`count` is 1000000000\n  hint: choose a number from 1 to 1000000"),
        (lambda tape: tape.wait_for_clients(math.nan), "`clients` is nan"),
        (lambda tape: tape.request("GET", "status"), "the path `status` does not begin with a slash\n  hint: use `/status`"),
        (lambda tape: tape.send.poll("ann", "q", "xy"), "`options` is 'xy'\n  hint: pass a list of answers"),
        (lambda tape: Tape(hold="no"), "`hold` is 'no'\n  hint: choose True or False"),
        (lambda tape: Tape(mock=True), "`mock` is True\n  hint: pass a `Mock`"),
        (lambda tape: Tape(end=math.inf), "`offset` is inf"),
    ],
)
def test_a_mistaken_argument_is_rejected(livetape, call, message):
    with fails("bad_request", message):
        call(livetape)


def test_a_recording_may_be_named_like_a_flag(tmp_path, monkeypatch):
    (tmp_path / "-x").write_bytes(SIX_SECONDS.read_bytes())
    monkeypatch.chdir(tmp_path)
    with Tape("-x", speed="max", wait_clients=0) as tape:
        assert tape.finished().by_type["chat"] == 6


def test_damage_is_reported_as_lost(tmp_path):
    recording = tmp_path / "cut.bin"
    recording.write_bytes(SIX_SECONDS.read_bytes()[:-300])
    with Tape(recording, speed="max", wait_clients=0) as tape:
        assert "not sealed: the end may be missing" in tape.finished().lost
        tape.request("POST", "/shutdown")
        assert tape._server._process.wait() == 3


def test_only_this_machine_is_contacted(livetape):
    livetape.request("DELETE", "/connect/demo")
    with fails("offline_mode"):
        livetape.request("POST", "/connect/ann")


def test_a_server_that_dies_is_reported_with_its_last_lines(livetape):
    livetape.request("POST", "/shutdown")
    with fails("exited", "(?s)livetape replay exited with 0.*Server stopped"):
        livetape.finished()


def test_a_server_that_dies_fails_the_block():
    with fails("exited", "(?s)livetape replay exited with -9\n.*Serving"), Tape() as tape:
        while "Serving" not in tape._server.last_lines():
            pass
        os.kill(tape.pid, signal.SIGKILL)
        tape._server._process.wait()
    with Tape() as tape:
        os.kill(tape.pid, signal.SIGKILL)
        tape.stop()
    with Tape() as tape:
        tape.request("POST", "/shutdown")
        tape._server._process.wait()


def test_a_stopped_tape_says_that_it_was_stopped(livetape):
    livetape.stop()
    for call in (livetape.finished, livetape.play, lambda: livetape.wait_for_clients(1), lambda: livetape.send.chat("ann", "hi")):
        with fails("exited", "^the tape was stopped\n  hint: call `stop` at the end of the test$"):
            call()


def test_a_stopped_tape_leaves_no_files(livetape):
    folder = livetape._server._folder.name
    assert Path(folder).exists()
    livetape.stop()
    livetape.stop()
    assert not Path(folder).exists()
    assert "Server stopped" in livetape._server.last_lines()


def test_clients_in_a_test_reach_this_machine_without_the_proxy_of_the_environment(livetape, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with urlopen(f"{livetape.http}/status") as response:
        assert response.status == 200
    assert {livetape.env[name] for name in ("NO_PROXY", "no_proxy")} == {os.environ["NO_PROXY"]}


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ({}, ["localhost,127.0.0.1,::1"] * 2),
        ({"NO_PROXY": "corp.example"}, ["corp.example,localhost,127.0.0.1,::1"] * 2),
        ({"NO_PROXY": "*", "no_proxy": "LOCALHOST, ::1"}, ["*", "LOCALHOST, ::1,127.0.0.1"]),
        ({"no_proxy": ",;\udcff"}, [",;\udcff,localhost,127.0.0.1,::1"] * 2),
    ],
)
def test_what_no_proxy_names_stays(hosts, expected):
    assert list(direct(hosts).values()) == expected


def test_settings_of_the_environment_and_the_folder_do_not_change_a_tape(tmp_path, monkeypatch):
    (tmp_path / "livetape.toml").write_text('[replay]\nend = "1s"\n[server]\ntoken = "0123456789abcdef"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIVETAPE_CONFIG", raising=False)
    monkeypatch.setenv("LIVETAPE_TOKEN", "0123456789abcdef")
    monkeypatch.setenv("LIVETAPE_SPEED", "nonsense")
    with Tape(SIX_SECONDS, wait_clients=0) as tape:
        assert tape.request("GET", "/replay")["speed"] == 1
    with Tape(SIX_SECONDS, speed="max", wait_clients=0) as tape:
        assert tape.finished().by_type["chat"] == 6


def test_settings_that_reject_the_tape_are_reported(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text('[server]\ntoken = "0123456789abcdef"\n')
    monkeypatch.setenv("LIVETAPE_CONFIG", str(path))
    with Tape(wait_clients=0) as tape, fails("unauthorized"):
        tape.finished()


@pytest.mark.livetape(speed="max", wait_clients=0)
def test_coroutines_run_in_trio(livetape_async):
    async def test():
        assert (await livetape_async.finished()).diamonds == 114
        async with Tape().aio as tape:
            with trio.move_on_after(0.05) as scope:
                await tape.finished()
            assert scope.cancelled_caught

    trio.run(test)


@pytest.mark.livetape(speed="max", wait_clients=0)
def test_coroutines_do_the_same(livetape_async):
    async def test():
        one, two = await asyncio.gather(livetape_async.finished(), livetape_async.finished())
        assert one == two
        with pytest.raises(LivetapeError, match="0 of 1 clients"):
            await livetape_async.wait_for_clients(1, timeout=0.05)
        async with Tape(hold=True).aio as tape:
            assert (await tape.send.chat("ann", "hi")).delivered == 0
            # A call that is cancelled does not delay the end of the loop.
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(tape.wait_for_clients(1), 0.05)

    asyncio.run(asyncio.wait_for(test(), 10))
