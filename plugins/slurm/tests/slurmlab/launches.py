"""Launches as tests ask for them."""

from __future__ import annotations

import os
import pwd
from typing import Any

from shanyrak.api import Launch

ME = pwd.getpwuid(os.geteuid()).pw_name
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


def launch(token: str = "t", *argv: str, **changes: Any) -> Launch:
    """Work of one CPU for this user, but for `changes`."""
    facts: dict[str, Any] = {
        "token": token, "workload": 1, "task": 0, "bundle": "", "argv": argv or ("true",), "env": PATH, "secrets": {},
        "cwd": "/", "outputs": (), "nodes": (("n-0", 1),), "unit": "cpu", "cpus": 1, "memory": 64 << 20,
        "walltime_ms": 60_000, "user": ME, "project": "ada",
    }  # fmt: skip
    return Launch(**{**facts, **changes})
