"""Finds the program livetape, and asks it for its cases."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass, fields
from pathlib import Path

from .errors import LivetapeError

VARIABLE = "LIVETAPE_BIN"  #: Environment variable with the path of the program.
LIST_SECONDS = 10.0  #: Timeout for a list of cases, in seconds.


def find() -> str:
    """Return the path of the program: that in `LIVETAPE_BIN`, else the installed wheel's, else the first on `PATH`."""
    if named := os.environ.get(VARIABLE):
        if found := shutil.which(named):
            return found
        raise LivetapeError("not_installed", f"{VARIABLE} is `{named}`, which is not a program", f"unset {VARIABLE}")
    name = "livetape" + (sysconfig.get_config_var("EXE") or "")
    for scheme in (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")):
        path = Path(sysconfig.get_path("scripts", scheme)) / name
        if path.is_file():
            return str(path)
    if found := shutil.which("livetape"):
        return found
    raise LivetapeError("not_installed", "cannot find the program livetape", f"install the wheel or set {VARIABLE}")


@dataclass(frozen=True)
class Case:
    """A changed show or broken connections, and what is right afterwards."""

    name: str  #: What `Tape(case=…)` takes.
    group: str  #: What it changes: `show` or `connection`.
    what: str  #: What happens.
    right: str  #: What is right.
    since: str  #: The first version of livetape with this case.


def cases() -> list[Case]:
    """Return the cases of `livetape test`, as the program lists them."""
    executable = find()
    try:
        command = [executable, "test", "--list", "--json"]
        listed = subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIST_SECONDS)
    except OSError as error:
        raise LivetapeError("not_installed", f"cannot run {executable}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise LivetapeError("exited", f"livetape test exited with {error.returncode}\n{error.stderr.decode(errors='replace')}") from error
    except subprocess.TimeoutExpired as error:
        message = f"{executable} test --list did not end within {LIST_SECONDS:g} s"
        raise LivetapeError("not_ready", message, f"set {VARIABLE} to the path of livetape") from error
    with contextlib.suppress(ValueError, TypeError, KeyError):
        if cases := [Case(*(case[field.name] for field in fields(Case))) for case in json.loads(listed.stdout)]:
            return cases
    message = f"{executable} is not livetape: it printed no list of cases for `test --list --json`"
    raise LivetapeError("not_installed", message, f"set {VARIABLE} to the path of livetape")
