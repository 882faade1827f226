"""The cases of `livetape test`."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, fields

from . import program
from .errors import LivetapeError


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
    executable = program.find()
    try:
        listed = subprocess.run([executable, "test", "--list", "--json"], check=True, capture_output=True)
    except OSError as error:
        raise LivetapeError("not_installed", f"cannot run {executable}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise LivetapeError("exited", f"livetape test exited with {error.returncode}\n{error.stderr.decode(errors='replace')}") from error
    return [Case(*(case[field.name] for field in fields(Case))) for case in json.loads(listed.stdout)]
