"""Real processes of the command line with throw-away distributions on their import path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import command_source, write_plugin

OURS = [found.name for found in find()]
"""What is really installed here is switched off: these tests are about their own plugins alone."""


class Installation:
    """A folder of distributions beside what is installed, and a folder to stand in."""

    def __init__(self, base: Path, pycache: Path) -> None:
        self.pycache = pycache
        self.folder = base / "site-packages"
        self.here = base / "here"
        self.off = OURS
        self.folder.mkdir()
        self.here.mkdir()

    def shanyrak(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("SHANYRAK_")}
        env["SHANYRAK_PLUGINS_DISABLE"] = ",".join([*self.off, env.get("SHANYRAK_PLUGINS_DISABLE", "")])
        return subprocess.run(
            [sys.executable, "-P", "-m", "shanyrak", *arguments],
            cwd=self.here,
            env={**kept, "PYTHONPATH": str(self.folder), "PYTHONPYCACHEPREFIX": str(self.pycache), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def plugins(self, **env: str) -> dict[str, dict[str, Any]]:
        done = self.shanyrak("plugin", "list", "--json", **env)
        assert done.returncode == 0, done.stderr
        return {state["name"]: state for state in json.loads(done.stdout)}

    def add_command(self, name: str) -> None:
        hook, module = command_source(name)
        write_plugin(self.folder, name, hook, more=module)


@pytest.fixture(scope="session")
def pycache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled modules, kept from process to process even where the environment forbids to write them."""
    return tmp_path_factory.mktemp("pycache")


@pytest.fixture
def installation(tmp_path: Path, pycache: Path) -> Installation:
    made = Installation(tmp_path, pycache)
    made.add_command("alpha")
    made.add_command("zulu")
    return made
