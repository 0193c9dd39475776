"""`plugin new`: what it renders is small, well formed, and refuses wrong names."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest
from shanyrak.errors import UsageProblem
from shanyrak.plugins.kinds import KINDS
from shanyrak.plugins.new import LONGEST, render
from shanyrak.testing import Cli

KNOWN = {kind.name: kind for kind in KINDS}
NAMES = ("x", "night-rule", "a-" * (LONGEST // 2 - 1) + "zz")


@pytest.mark.parametrize("kind", KNOWN)
def test_nine_files_at_most_of_sound_python(tmp_path, kind):
    files = render("night-rule", kind, KNOWN, tmp_path / "made")
    assert 5 <= len(files) <= 9
    assert all("$" not in file.read_text() for file in files)
    for file in files:
        if file.suffix == ".py":
            ast.parse(file.read_text())
    project = tomllib.loads((tmp_path / "made" / "pyproject.toml").read_text())
    assert project["project"]["entry-points"] == {"shanyrak.plugins": {"night-rule": "shanyrak_night_rule"}}
    assert project["project"]["dependencies"] == ["shanyrak"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KNOWN)
def test_it_is_formatted_whatever_its_name(tmp_path, kind, name):
    pytest.importorskip("ruff", reason="ruff is not installed here; the environment `templates` has it")
    render(name, kind, KNOWN, tmp_path / "made")
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."],
            cwd=tmp_path / "made",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [("Night", "other than lower-case"), ("run", "a verb of the core"), ("allow", "reserved"), ("import", "reserved"),
     ("x" * 41, "longer than")],
)  # fmt: skip
def test_names_that_no_plugin_can_have(tmp_path, name, words):
    with pytest.raises(UsageProblem, match=words):
        render(name, "meter", KNOWN, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine").write_text("mine")
    with pytest.raises(UsageProblem, match="it is there already"):
        render("x", "meter", KNOWN, tmp_path / "made")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["mine"]


def test_by_the_command_line(tmp_path):
    cli = Cli(tmp_path)
    assert "made shanyrak-night/pyproject.toml" in cli.ok("plugin", "new", "night", "--kind", "admission")
    assert (tmp_path / "shanyrak-night" / "src" / "shanyrak_night" / "rule.py").exists()
    done = cli("plugin", "new", "night", "--kind", "admisson", "--dir", "there")
    assert done.returncode == 2 and "did you mean `admission`?" in done.stderr.lower()
    done = cli("plugin", "new", "night")
    assert done.returncode == 2 and "there are admission, command, engine, meter, policy, store" in done.stderr
