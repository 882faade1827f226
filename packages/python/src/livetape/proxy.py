"""Proxies in the environment, which cannot reach the servers of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK = ("localhost", "127.0.0.1", "::1")  #: Names of this machine.


def direct(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables with which a program reaches this machine without the proxy of the environment.

    What they have in `environment` stays.
    """
    upper, lower = environment.get("NO_PROXY", ""), environment.get("no_proxy", "")
    return {"NO_PROXY": with_loopback(upper or lower), "no_proxy": with_loopback(lower or upper)}


def with_loopback(hosts: str) -> str:
    """Add the names of this machine to a list of hosts. `*`, which means all hosts, stands alone."""
    if hosts.strip() == "*":
        return hosts
    listed = {host.strip().lower() for host in hosts.split(",")}
    return ",".join([*([hosts] if hosts else []), *(name for name in LOOPBACK if name not in listed)])
