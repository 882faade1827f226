"""The plugin, tested by running pytest with it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ROOT

#: Time until a process must have noticed that its parent is gone, in seconds.
GONE_SECONDS = 10


def is_alive(pid):
    try:
        # A process that nobody waits for stays as a zombie in some containers.
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_failed_test_shows_the_last_lines_of_its_servers(pytester):
    pytester.makepyfile(
        """
        from urllib.request import urlopen
        import livetape as lib

        def test_fails(livetape, livetape_mock):
            urlopen(livetape_mock.url + "/live").close()
            with lib.Tape():
                assert False, "the test's own message"

        def test_passes(livetape):
            pass
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*the test's own message",
            "*- livetape replay 1 -*",
            "*Serving*",
            "*- livetape mock 2 -*",
            '*path="/live"*',
            "*- livetape replay 3 -*",
            "*Server stopped*",
        ]
    )
    assert "livetape replay 4" not in result.stdout.str()


def test_expectations_that_are_not_met_fail_the_test_itself(pytester):
    pytester.makepyfile(
        """
        from livetape import Seen

        def test_unmet(livetape_mock):
            livetape_mock.expect(Seen.ACK, 1)

        def test_fails_anyway(livetape_mock):
            livetape_mock.expect(Seen.ACK, 2)
            assert False, "the test's own message"
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E *expected 1 ack, got 0", "*test_expectations_that_are_not_met*.py:4", "*the test's own message"])
    assert "expected 2 acks" not in result.stdout.str()


def test_a_server_that_dies_fails_the_test(pytester):
    pytester.makepyfile(
        """
        import os, signal

        def test_dies(livetape):
            while "Serving" not in livetape._server.last_lines():
                pass
            os.kill(livetape.pid, signal.SIGKILL)
            livetape._server._process.wait()

        def test_is_stopped(livetape):
            os.kill(livetape.pid, signal.SIGKILL)
            livetape.stop()
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E *livetape replay exited with -9", "*Serving*"])


def test_an_error_of_a_fixture_names_the_cause(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.livetape("no-such-recording")
        def test_missing(livetape):
            pass

        @pytest.mark.livetape(sped=2)
        def test_marker(livetape):
            pass

        @pytest.mark.livetape(mock=True)
        def test_mock(livetape):
            pass
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["E *livetape replay exited with 1 before it was ready", "E *no-such-recording*"])
    result.stdout.fnmatch_lines(["*_ ERROR at setup of test_marker _*"])
    assert "During handling" not in result.stdout.str()
    result.stdout.fnmatch_lines(["marker livetape of *: got an unexpected keyword argument 'sped'"])
    result.stdout.fnmatch_lines(["marker livetape of *: `mock` is True: pass a path"])


def test_files_beside_the_test_are_found_from_any_folder(pytester):
    folder = pytester.mkdir("tests")
    (folder / "show.bin").write_bytes((ROOT / "crates/testing/recordings/six-seconds.bin").read_bytes())
    (folder / "offline.toml").write_text('others = "offline"\n')
    (folder / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.livetape('show.bin', speed='max', wait_clients=0, mock='offline.toml')\n"
        "def test_it(livetape):\n    assert livetape.finished().by_type['chat'] == 6\n"
    )
    pytester.runpytest_subprocess("--strict-markers", "tests").assert_outcomes(passed=1)


def test_async_tests_need_only_their_own_plugin(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.livetape(speed="max", wait_clients=0)
        async def test_it(livetape_async):
            assert (await livetape_async.finished()).diamonds == 114
        """
    )
    pytester.runpytest_subprocess("--asyncio-mode=strict").assert_outcomes(passed=1)


def test_the_entry_point_of_the_package_loads_the_plugin(pytester, monkeypatch):
    project = (ROOT / "packages/python/pyproject.toml").read_text()
    entry = re.search(r"\[project\.entry-points\.pytest11\]\n(.*?)\n\n", project, re.DOTALL)[1].replace('"', "")
    installed = pytester.mkdir("installed")
    info = installed / "livetape-0.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: livetape\nVersion: 0.0.0\n")
    (info / "entry_points.txt").write_text(f"[pytest11]\n{entry}\n")
    monkeypatch.delenv("PYTEST_PLUGINS")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed), os.environ["PYTHONPATH"]]))
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(
        ["@pytest.mark.livetape(recording, speed, start, end, laps, idle_limit, wait_clients, hold, mock, case, cases)*"]
    )


def test_loading_the_plugin_imports_no_websockets():
    code = "import sys, livetape.plugin; sys.exit('websockets' in sys.modules or 'asyncio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_leaves_no_process(pytester, workers):
    pids = pytester.path / "pids"
    pytester.makepyfile(
        f"""
        import signal
        import pytest

        @pytest.mark.parametrize("number", range(2))
        def test_waits(livetape, livetape_mock, number):
            with open({str(pids)!r}, "a") as file:
                file.write(f"{{livetape.pid}} {{livetape_mock._server.pid}} ")
            signal.pause()
        """
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", str(workers), "-p", "no:cacheprovider"]
    run = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.DEVNULL)
    wanted = 2 * max(workers, 1)
    while not (pids.exists() and len(pids.read_text().split()) == wanted):
        assert run.poll() is None
        time.sleep(0.01)
    servers = [int(pid) for pid in pids.read_text().split()]
    assert all(is_alive(pid) for pid in servers)
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + GONE_SECONDS
    while left := [pid for pid in servers if is_alive(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_two_hundred_tests_run_in_parallel(pytester):
    pytester.makepyfile(
        """
        import livetape as lib
        import pytest

        @pytest.mark.parametrize("number", range(200))
        @pytest.mark.livetape(speed="max", end="1m")
        def test_it(livetape, number):
            livetape.send.gift("ann", "Rose", count=number + 1)
            diamonds = [event.data["diamonds"] for event in events(livetape) if event.type == "gift"]
            assert number + 1 in diamonds
            assert sum(diamonds) == livetape.finished().diamonds

        def events(tape):
            for event in lib.connect(tape.url, since=0):
                yield event
                if event.type == "disconnected":
                    break
        """
    )
    result = pytester.runpytest_subprocess("-n", "2", "-q", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=200)
