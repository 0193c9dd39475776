"""Its own tests, as they were. Never edited."""

from __future__ import annotations

import time
from pathlib import Path

import shanyrak_kept_1
from shanyrak.api import EngineContext, Launch, Node
from shanyrak_kept_1.parts import SEEN, Programs, Settings


def test_the_records_are_of_api_1() -> None:
    assert shanyrak_kept_1.PLUGIN.api == "1"
    (engine,) = shanyrak_kept_1.shanyrak_engines()
    assert engine.target == "shanyrak_kept_1.parts:engine"


def test_the_engine_runs_a_program(tmp_path: Path) -> None:
    engine = Programs(EngineContext("pool", str(tmp_path), Settings(), (Node("n0", 4, 4, 1 << 32),)))
    launch = Launch(
        "t.1.0.1", 1, 0, "", ("sh", "-c", "echo hello; exit 3"), {"PATH": "/usr/bin:/bin"}, {}, "/", (), (("n0", 1),), "cpu",
        1, 1 << 20, 60_000, "someone",
    )  # fmt: skip
    assert engine.launch([launch])[0].refused == ""
    until = time.monotonic() + 60
    while engine.observe(["t.1.0.1"])[0].state == "running":
        assert time.monotonic() < until
        engine.wait(0.1)
    assert engine.observe(["t.1.0.1"])[0].exit_code == 3
    assert engine.logs("t.1.0.1", "stdout", 0, 100) == b"hello\n"


def test_events_are_seen() -> None:
    shanyrak_kept_1.shanyrak_on_event({"type": "site.created"})
    assert SEEN[-1] == "site.created"
