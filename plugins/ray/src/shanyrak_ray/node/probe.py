"""What a node sees of the spool and of the controller's machine, for `shanyrak ray doctor`: written as `probe.json`."""

# ruff: noqa: PTH118
from __future__ import annotations

import os
import sys
import time
from typing import Any

from . import leases, secrets
from .files import Home


def main(spool: str, token: str) -> int:
    """Each fact is empty when all is well, else what is wrong in words; beside them the node's clock and the room that is left."""
    home = Home(spool, token)
    facts: dict[str, Any] = {"python": list(sys.version_info[:3]), "at": time.time_ns() // 1_000_000}
    facts["links"] = _tried(lambda: home.claim({"by": "doctor"}) or None)
    facts["locks"] = _tried(lambda: leases.lock(os.open(home.at("claim.json"), os.O_RDWR | os.O_CLOEXEC)) or None)
    facts["secrets"] = _tried(lambda: secrets.ask(home.read("ask.json") or {}, token, 5.0))
    there = os.statvfs(home.path)
    facts["free"] = there.f_bavail * there.f_frsize
    home.write("probe.json", facts)
    return 0


def _tried(act: Any) -> str:
    """What is wrong: it raises, or gives None."""
    try:
        return "" if act() is not None else "it was refused"
    except (OSError, ValueError, KeyError) as problem:
        return f"{type(problem).__name__}: {problem}"
