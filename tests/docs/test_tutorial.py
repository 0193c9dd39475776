"""The tutorial's plugin is the one in docs/examples. That its commands work is tried in the environment `wheels`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "packages"))

import tutorial
from shanyrak.plugins.kinds import KINDS
from shanyrak.plugins.new import render


def texts(folder: Path) -> dict[str, str]:
    """Path -> text of each file of a project, without what tools leave there."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    kept = [path for path in paths if not any(part.startswith((".", "__")) for part in path.parent.parts)]
    return {str(path): (folder / path).read_text() for path in kept}


def test_the_example_is_what_the_tutorial_makes(tmp_path: Path) -> None:
    render("frugal", "admission", {kind.name: kind for kind in KINDS}, tmp_path / "made")
    expected = texts(tmp_path / "made") | tutorial.files()
    summary = "Keeps requests small, and says what energy they took"
    was = next(kind.summary for kind in KINDS if kind.name == "admission").rstrip(".")
    expected |= {name: expected[name].replace(was, summary) for name in ("pyproject.toml", "README.md")}
    assert texts(tutorial.EXAMPLE) == expected
    assert len(expected) <= 9


def test_the_page_has_steps_of_each_kind() -> None:
    kinds = [step.kind for step in tutorial.steps()]
    assert kinds.count("file") == 6 and kinds.count("run") >= 5 and kinds.count("says") >= 4


def test_words_are_looked_for_in_one_line_in_order() -> None:
    printed = "first 1 modelled 100%\nsecond 2 measured 50%\n"
    assert tutorial.says(printed, "first modelled 100%")
    assert tutorial.says(printed, "second 2 measured 50%")
    assert not tutorial.says(printed, "first measured")
    assert not tutorial.says(printed, "modelled first")
    assert not tutorial.says(printed, "sec 2")
