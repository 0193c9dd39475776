"""Throw-away plugins, and the conformance kit run on them in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Bed:
    """A folder of installed plugins."""

    folder: Path

    def kit(self, name: str, *arguments: str) -> tuple[dict[str, str], str]:
        """(outcome of each test that did not pass, by its title; all that pytest printed)."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(self.folder), "--pyargs",
             "shanyrak.testing.conformance", "--shanyrak-plugin", name, "--shanyrak-report", str(report), *arguments],
            cwd=self.folder, env={**os.environ, "PYTHONPATH": str(self.folder)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert report.exists(), done.stdout + done.stderr
        found = json.loads(report.read_text())
        assert found, done.stdout
        return {one["test"]: one["outcome"] for one in found if one["outcome"] != "passed"}, done.stdout

    @staticmethod
    def outcomes(found: dict[str, str], name: str, test: str) -> set[str]:
        """What became of a test of engines, with all its parameters, for the engine `bad{name}`; empty: it passed."""
        return {
            outcome
            for title, outcome in found.items()
            if title.startswith(f"engine: {test} [") and f"bad{name}" in title
        }


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return Bed(folder)
