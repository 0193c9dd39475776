"""What the core's own tests hold its journal and its controller to holds on PostgreSQL too: they are run on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from shanyrak_postgres.server import Server

ROOT = Path(__file__).resolve().parents[3]
EVERYDAY = [f"core/tests/{name}.py" for name in
            ("journal/test_fold", "journal/test_schema", "journal/test_writer", "control/test_texts")]  # fmt: skip
LONG = {
    "journal": ["core/tests/journal"],
    "control": ["core/tests/control"],
    "kills": ["tests/faults/test_crash_points.py", "-k", "launch or settle or submit"],
}


def passes(server: Server, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT, env={**os.environ, "SHANYRAK_TEST_STORE": "postgres", "SHANYRAK_TEST_POSTGRES": server.address()},
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert " passed" in done.stdout


def test_the_journal(server: Server) -> None:
    passes(server, EVERYDAY)


@pytest.mark.engines
@pytest.mark.parametrize("which", LONG)
def test_all_of_it(server: Server, which: str) -> None:
    passes(server, LONG[which])
