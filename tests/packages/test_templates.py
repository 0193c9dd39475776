"""Every kind of plugin, rendered, installed beside the core alone, and held to everything. Environment: `templates`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shanyrak.plugins.kinds import KINDS
from shanyrak.testing import Cli

NAME = "first-try"


OPENED = {"reader": Path(__file__).resolve().parents[2] / "plugins" / "rehearse"}
"""Kinds that plugins of this repository open, with where those are."""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path, patience_s=600.0)


@pytest.fixture(params=[*(kind.name for kind in KINDS), *OPENED])
def project(request: pytest.FixtureRequest, cli: Cli) -> Iterator[Path]:
    """A new plugin of each kind, installed as an author installs it, and removed at the end; beside it the core, and for
    an opened kind its opener."""
    if request.param in OPENED:
        cli.ok("plugin", "install", str(OPENED[request.param]))
    cli.ok("plugin", "new", NAME, "--kind", request.param)
    folder = cli.folder / f"shanyrak-{NAME}"
    assert len([path for path in folder.rglob("*") if path.is_file()]) <= 9
    cli.ok("plugin", "install", str(folder))
    yield folder
    cli.ok("plugin", "remove", NAME)
    if request.param in OPENED:
        cli.ok("plugin", "remove", OPENED[request.param].name)
    assert NAME not in {state["name"] for state in cli.json("plugin", "list")}


def run(folder: Path, *arguments: str) -> None:
    """A tool of an author in the new folder."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def types(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy knows of the core, from one kind to the next."""
    return f"--cache-dir={tmp_path_factory.mktemp('mypy')}"


def test_it_is_listed_and_passes_everything_unedited(project: Path, cli: Cli, types: str) -> None:
    states = {state["name"]: state for state in cli.json("plugin", "list")}
    assert states[NAME]["state"] == "active"
    assert states[NAME]["origin"] == f"editable {project}"
    run(project, "ruff", "check", ".")
    run(project, "ruff", "format", "--check", ".")
    run(project, "mypy", types)
    run(project, "pytest", "-q")
    found = cli.json("plugin", "check", NAME)
    assert [one for one in found if not one["ok"]] == []
    assert any(one["check"].startswith("general: ") for one in found), "the conformance kit ran"
