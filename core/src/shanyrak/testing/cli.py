"""The command line in processes of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Cli:
    """Runs `shanyrak` in `folder`. Of the caller's environment no SHANYRAK_ variable is kept; `env` is added."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 120.0

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The process after its end: returncode, stdout, stderr."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SHANYRAK_")}
        return subprocess.run(
            [sys.executable, "-P", "-m", "shanyrak", *arguments],
            cwd=self.folder,
            env={**kept, **self.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.patience_s,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        """What it prints. AssertionError, with what it said, when it fails."""
        done = self(*arguments)
        assert done.returncode == 0, f"shanyrak {' '.join(arguments)}: exit code {done.returncode}: {done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What it prints with `--json`, as data."""
        return json.loads(self.ok(*arguments, "--json"))
