"""Finding and starting the program."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from livetape import LivetapeError, Tape, program, server

from .conftest import fails

REAL = os.environ["LIVETAPE_BIN"]


def script(folder, code, name="livetape"):
    """Write a program in Python."""
    path = Path(folder) / name
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Return an empty folder that stands for the script folder of the environment."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(folder))
    return folder


def test_the_variable_comes_before_the_wheel_and_the_wheel_before_the_path(scripts, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    on_path, in_wheel = script(tmp_path, ""), script(scripts, "")
    assert program.find() == REAL
    monkeypatch.delenv("LIVETAPE_BIN")
    assert program.find() == in_wheel
    Path(in_wheel).unlink()
    assert program.find() == on_path
    Path(on_path).unlink()
    with pytest.raises(LivetapeError, match="cannot find the program livetape\n  hint: install the wheel or set LIVETAPE_BIN"):
        Tape()


def test_a_variable_that_names_nothing_is_reported(monkeypatch):
    monkeypatch.setenv("LIVETAPE_BIN", "/nowhere/livetape")
    with fails("not_installed", "LIVETAPE_BIN is `/nowhere/livetape`, which is not a program"):
        Tape()


def test_a_file_that_cannot_run_is_reported(tmp_path, monkeypatch):
    path = tmp_path / "livetape"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    monkeypatch.setenv("LIVETAPE_BIN", str(path))
    with pytest.raises(LivetapeError, match=f"cannot run {path}: "):
        Tape()


def test_a_program_that_exits_early_is_reported_with_its_last_lines(tmp_path, monkeypatch):
    code = "import sys; print('\\n'.join(f'line {n}' for n in range(50)), file=sys.stderr); sys.exit('the reason')"
    monkeypatch.setenv("LIVETAPE_BIN", script(tmp_path, code))
    with fails("exited", "(?s)livetape replay exited with 1 before it was ready\n.*line 49") as failed:
        Tape()
    assert "the reason" in failed.value.message
    assert "line 5\n" not in failed.value.message


def test_a_program_that_is_never_ready_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "START_SECONDS", 0.3)
    monkeypatch.setenv("LIVETAPE_BIN", script(tmp_path, "import sys; sys.stdin.read()"))
    with fails("not_ready", "livetape replay was not ready within 0 s"):
        Tape()


@pytest.mark.parametrize(("version", "age"), [(0, "newer"), (2, "older")])
def test_a_program_of_another_version_is_reported(tmp_path, monkeypatch, version, age):
    ready = {"ws": "ws://127.0.0.1:1/", "http": "http://127.0.0.1:1", "version": "9.9.9", "apiVersion": version}
    code = f"""
import json, os, sys
path = sys.argv[sys.argv.index("--ready-file") + 1]
with open(path + ".new", "w") as file:
    json.dump({ready}, file)
os.rename(path + ".new", path)
sys.stdin.read()
"""
    monkeypatch.setenv("LIVETAPE_BIN", script(tmp_path, code))
    message = f"livetape 9.9.9 has API version {version}; this package is {age} and supports version 1"
    with fails("wrong_version", message):
        Tape()
