"""Plugins written for the version of the API before, installed beside this core, work as they did. Environment: `oldest-core`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shanyrak.records import API_VERSION, OLDEST_API
from shanyrak.testing import Cli

KEPT = Path(__file__).resolve().parents[1] / "api" / "kept"
OLDER = [str(number) for number in range(int(OLDEST_API), int(API_VERSION))]
SITE = ["--nodes", "1x4", "--unit", "cpu"]


@pytest.fixture(params=OLDER)
def kept(request: pytest.FixtureRequest, tmp_path: Path):
    """(the version, a copy of its plugin's project, the command line), while the plugin is installed."""
    project = tmp_path / "project"
    shutil.copytree(KEPT / f"shanyrak-kept-{request.param}", project)
    cli = Cli(tmp_path, patience_s=600.0)
    cli.ok("plugin", "install", str(project))
    yield request.param, project, cli
    cli.ok("plugin", "remove", f"kept-{request.param}")


def test_there_is_one_for_each_version_that_runs() -> None:
    assert OLDER, "the version before this one is supported"
    assert sorted(path.name for path in KEPT.iterdir()) == [f"shanyrak-kept-{number}" for number in OLDER]


def test_it_is_active_passes_its_own_tests_and_the_kit(kept) -> None:
    number, project, cli = kept
    states = {state["name"]: state for state in cli.json("plugin", "list")}
    assert (states[f"kept-{number}"]["state"], states[f"kept-{number}"]["api"]) == ("active", number)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert [one for one in cli.json("plugin", "check", f"kept-{number}") if not one["ok"]] == []


def test_it_works_in_a_site(kept) -> None:
    """Its engine runs work under its policy, its rule refuses, its unit pays, its meter is left in peace."""
    number, _, cli = kept
    name, site = f"kept-{number}", Cli(cli.folder / "site", patience_s=600.0)
    assert cli.ok(name) == f"API {number}\n"
    cli.ok("init", str(site.folder), "--engine", name, *SITE)
    site.ok("project", "add", "p", "--sector", "startup", "--org", "o")
    site.ok("grant", "add", "p", "1", "cpu-hour")
    site.ok("policy", "activate", name)
    site.ok("run", "--project", "p", "--walltime", "60s", "--", "sh", "-c", "exit 0")
    refused = site("run", "--project", "p", "--width", "40", "--walltime", "1s", "--", "true")
    assert refused.returncode == 4
    site.ok("up", "--until-idle")
    rows = site.json("ps", "--all")
    assert [row["state"] for row in rows] == ["done", "refused"]
    assert [row["meter"] for row in site.json("usage")] == ["engine"]
    assert site.json("account", "check")["balanced"]
