"""Programs are started as an engine starts them: a process of its own and a bare environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shanyrak.quickstart import plan

Start = Callable[..., "subprocess.CompletedProcess[str]"]
BARE = {"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C.UTF-8"}


@pytest.fixture(scope="session")
def start() -> Start:
    """`start(label, cwd, *more words, NAME=value)` runs a workload of the plan to its end."""
    by_label = {work.label: work for work in plan.WORKLOADS}

    def run(label: str, cwd: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        work = by_label[label]
        command = [*work.command(sys.executable), *words]
        return subprocess.run(
            command, cwd=cwd, env=BARE | work.env | env, capture_output=True, text=True, timeout=600, check=False
        )

    return run


@pytest.fixture(scope="session")
def trained(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the network was trained as the plan says. Read only: copy what you change."""
    folder = tmp_path_factory.mktemp("trained")
    done = start("train", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def predicted(start: Start, trained: Path) -> Path:
    """The same folder after inference."""
    done = start("predict", trained)
    assert done.returncode == 0, done.stderr
    return trained
