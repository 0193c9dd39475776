"""Making a workspace on engines that find nothing, or break."""

from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.init import make
from shanyrak.errors import PluginProblem, UsageProblem
from shanyrak.testing.fakes import Bench, FakeEngine


def test_an_engine_that_finds_no_node_is_an_error_that_says_so(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeEngine, "nodes", lambda self: [])
    with pytest.raises(UsageProblem, match="--engine fake: it finds no node here"):
        make(tmp_path / "new", "2x4", "cpu", "fake", bench.manager())
    assert not (tmp_path / "new").exists()


def test_an_engine_that_breaks_is_named(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any) -> Any:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(FakeEngine, "nodes", broken)
    with pytest.raises(PluginProblem, match="plugin fake: its engine fake could not say what is here"):
        make(tmp_path / "new", "2x4", "cpu", "fake", bench.manager())
    assert not (tmp_path / "new").exists()
