"""Finds the program livetape."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

from .errors import LivetapeError

VARIABLE = "LIVETAPE_BIN"  #: Environment variable with the path of the program.


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
