"""The command that quickstart tells to type is one that the shell finds."""

from pathlib import Path

import pytest
from shanyrak.cli.called import called


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "a clone" / ".venv" / "bin" / "shanyrak"
    made.parent.mkdir(parents=True)
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    monkeypatch.setenv("PATH", str(made.parent))  # as `uv run` has it
    return made


def test_below_the_working_folder_by_its_path(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program.parents[2])
    assert called(str(program)) == ".venv/bin/shanyrak"
    assert called(".venv/bin/shanyrak") == ".venv/bin/shanyrak"


def test_elsewhere_by_name_where_the_shell_finds_it(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert called(str(program)) == "shanyrak"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert called(str(program)) == f"'{program}'"


def test_a_module_by_its_interpreter() -> None:
    assert called("/x/shanyrak/__main__.py").endswith(" -m shanyrak")
