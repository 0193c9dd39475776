"""Making a workspace on engines that find nothing, or break."""

from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.init import make
from shanyrak.control.site import Site
from shanyrak.errors import PluginProblem, UnfitProblem, UsageProblem
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


@pytest.mark.parametrize("where", ["nowhere/journal.db", "a-file/journal.db", "a-folder"])
def test_a_journal_that_cannot_be_made_is_named_and_leaves_nothing(bench: Bench, tmp_path: Path, where: str) -> None:
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    accounts = bench.site.commons.accounts.model_copy(update={"store": f"sqlite:{tmp_path / where}"})
    commons = bench.site.commons.model_copy(update={"accounts": accounts})
    with pytest.raises(UnfitProblem, match=f"{where}: it cannot be made .* Name a file in a folder that is there"):
        Site.create(tmp_path / "new", commons, bench.manager())
    assert not (tmp_path / "new").exists()
