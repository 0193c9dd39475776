"""All packages as wheels, in a clean environment: the first run, the tutorial, the example plugin. Environment: `wheels`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tutorial

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = [ROOT / "core", *sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]
TOOLS = ["hypothesis", "pytest"]


@dataclass
class Clean:
    """An environment with its own pip, into which wheels of this commit were installed and nothing else of ours."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def pip(self, *arguments: str) -> None:
        run([str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments], self.folder)

    def shanyrak(self, *arguments: str, cwd: Path | None = None) -> str:
        return run([str(self.folder / "bin" / "shanyrak"), *arguments], cwd or self.folder, self.python)

    def plugins(self) -> dict[str, str]:
        """Name -> state."""
        return {one["name"]: one["state"] for one in json.loads(self.shanyrak("plugin", "list", "--json"))}


def run(command: list[str], cwd: Path, python: Path | None = None) -> str:
    """What it prints on stdout. AssertionError with all it said when it fails."""
    env = tutorial.environment(python) if python else None
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def build(project: Path, out: Path) -> Path:
    """The wheel of a project."""
    uv = shutil.which("uv")
    command = [uv, "build", "--wheel", "--out-dir", str(out), str(project)] if uv else [
        sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(out), str(project)
    ]  # fmt: skip
    before = set(out.glob("*.whl"))
    run(command, out)
    (made,) = set(out.glob("*.whl")) - before
    return made


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Project -> its wheel, for every package of this repository."""
    out = tmp_path_factory.mktemp("wheels")
    return {project.name: build(project, out) for project in PROJECTS}


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Clean:
    folder = tmp_path_factory.mktemp("clean")
    run([sys.executable, "-m", "venv", str(folder)], folder.parent)
    made = Clean(folder)
    made.pip("install", "-q", "-c", str(ROOT / "constraints.txt"), *TOOLS, *map(str, wheels.values()))
    return made


def test_every_package_is_built_and_active(wheels: dict[str, Path], clean: Clean) -> None:
    assert "core" in wheels and len(wheels) == len(PROJECTS) > 2
    states = clean.plugins()
    assert set(states) == set(wheels) - {"core"}
    assert set(states.values()) == {"active"}
    where = run([str(clean.python), "-c", "import shanyrak; print(shanyrak.__file__)"], clean.folder).strip()
    assert Path(where).is_relative_to(clean.folder), "it runs from the wheel, not from the source"


def test_the_first_run_runs_from_the_wheels(clean: Clean, tmp_path: Path) -> None:
    found = json.loads(clean.shanyrak("quickstart", "--json", "--dir", str(tmp_path / "site"), cwd=tmp_path))
    assert found["account"]["balanced"]


def test_the_tutorial_works_as_it_stands(clean: Clean, tmp_path: Path) -> None:
    """From an empty folder, in one shell; what it makes is the example of the docs."""
    try:
        tutorial.follow(tmp_path, tutorial.environment(clean.python))
        assert clean.plugins()["frugal"] == "active"
    finally:
        if "frugal" in clean.plugins():
            clean.shanyrak("plugin", "remove", "frugal")
    assert "frugal" not in clean.plugins()
    for path in ("src/shanyrak_frugal/__init__.py", "pyproject.toml", "README.md", "tests/test_meter.py"):
        assert (tmp_path / tutorial.PROJECT / path).read_text() == (tutorial.EXAMPLE / path).read_text()


def test_a_third_partys_plugin_is_found_checked_used_and_removed(clean: Clean, tmp_path: Path) -> None:
    """The example, built elsewhere, from its wheel; and another one of its name is not let in."""
    copy = tmp_path / "source"
    shutil.copytree(tutorial.EXAMPLE, copy)
    (tmp_path / "out").mkdir()
    wheel = build(copy, tmp_path / "out")
    told = clean.shanyrak("plugin", "install", str(wheel), "--dry-run")
    assert "install shanyrak-frugal 0.1.0" in told and "frugal" not in clean.plugins()
    assert "frugal 0.1.0 is active" in clean.shanyrak("plugin", "install", str(wheel))
    found = json.loads(clean.shanyrak("plugin", "check", "frugal", "--json"))
    assert [one for one in found if not one["ok"]] == []
    assert any(one["check"] == "admission: it is pure" for one in found), "the conformance kit ran"

    site = tmp_path / "site"
    clean.shanyrak("init", str(site), "--nodes", "1x2", "--unit", "cpu")
    file = site / "commons.toml"
    allow = clean.shanyrak("plugin", "allow")
    file.write_text(file.read_text().replace("[plugins]\n", f"[plugins]\n{allow}"))
    clean.shanyrak("-C", str(site), "project", "add", "p", "--sector", "learner", "--org", "o")
    clean.shanyrak("-C", str(site), "grant", "add", "p", "100", "cpu-hour")
    clean.shanyrak("-C", str(site), "run", "--project", "p", "--walltime", "1m", "--", "true", cwd=tmp_path)
    clean.shanyrak("-C", str(site), "up", "--until-idle")
    rows = json.loads(clean.shanyrak("-C", str(site), "usage", "--json"))
    assert [(row["meter"], row["method"]) for row in rows] == [("engine", "measured"), ("frugal", "modelled")]

    rule = (
        Path(run([str(clean.python), "-c", "import shanyrak_frugal as p; print(p.__file__)"], tmp_path).strip()).parent
        / "rule.py"
    )
    rule.write_text(rule.read_text().replace("HOUR_MS = 3_600_000", "HOUR_MS = 9_999_999_999"))
    states = {one["name"]: one for one in json.loads(clean.shanyrak("-C", str(site), "plugin", "list", "--json"))}
    assert states["frugal"]["state"] == "disabled"
    assert "shanyrak_frugal/rule.py is not what its RECORD says" in states["frugal"]["reason"]
    assert states["local"]["state"] == "active"

    clean.shanyrak("plugin", "remove", "frugal")
    assert "frugal" not in clean.plugins()
