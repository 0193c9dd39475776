"""Small traces written by the tests, the real ones when they are there, and the command as people call it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from shanyrak.api import Frame, Problem
from shanyrak_rehearse.command import rehearse

sys.path.insert(0, str(Path(__file__).parent))

from rehearselab.traces import TRACES


@pytest.fixture
def real() -> Callable[[str], Path]:
    """A real trace by name; the test is skipped where it is not at hand."""

    def find(name: str) -> Path:
        if not (TRACES / name).exists():
            pytest.skip(f"the trace {name} is not beside this checkout (../shared/traces)")
        return TRACES / name

    return find


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write lines as a file; gives its path."""

    def make(*lines: str, name: str = "trace.swf") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return make


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`shanyrak rehearse ... --json`; what it raises goes on, and the rest of stdout is the report."""
    monkeypatch.chdir(tmp_path)

    def run(*args: Any) -> Any:
        return json.loads(said(*args, "--json"))

    return run


@pytest.fixture
def said_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)
    return said


def said(*args: Any) -> str:
    """What the command prints; a Problem is raised as it is."""
    result = CliRunner().invoke(rehearse, [str(arg) for arg in args], obj=Frame(env={}), catch_exceptions=True)
    if isinstance(result.exception, Problem):
        raise result.exception
    assert result.exception is None, result.output
    return result.stdout
