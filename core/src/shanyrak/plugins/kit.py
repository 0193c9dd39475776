"""Running the conformance kit on an installed plugin, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from shanyrak.errors import PluginProblem
from shanyrak.plugins.check import Check

HOW = "pip install 'shanyrak[testing]'"


def lacking() -> str:
    """Why the kit cannot run here, in words; empty when it can."""
    missing = [name for name in ("pytest", "hypothesis") if find_spec(name) is None]
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed" if missing else ""


def run(name: str, show: bool) -> list[Check]:
    """What each test of the kit found; `show`: let pytest's dots be seen on stderr meanwhile."""
    env = {key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    with tempfile.TemporaryDirectory(prefix="shanyrak-") as folder:
        report = Path(folder) / "report.json"
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, "--pyargs",
             "shanyrak.testing.conformance", "--shanyrak-plugin", name, "--shanyrak-report", str(report)],
            cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr if show else subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if not report.exists():
            said = (done.stdout or "").strip().splitlines()
            raise PluginProblem(
                f"the conformance kit on {name}", said[-1] if said else "it could not be run", "run it by hand"
            )
        found = json.loads(report.read_text())
    return [
        Check(name, one["test"], one["outcome"] != "failed", one["words"].removeprefix("Skipped: ") or one["outcome"])
        for one in found
    ]
