"""The command line as people use it: real processes, a workspace of each test's own, the local engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Answer(NamedTuple):
    """What one command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line on stderr; the test fails when there is another number of them."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("shanyrak: ")
        return lines[0]


class Shanyrak:
    """`shanyrak ...` in `folder`, with an environment that has nothing of the tests' own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "LANG": "C.UTF-8", "USER": "tester"}
        self.started: list[subprocess.Popen[str]] = []

    def words(self, args: tuple[Any, ...]) -> list[str]:
        return [sys.executable, "-P", "-m", "shanyrak", *map(str, args)]

    def bare(
        self, *args: Any, code: int | None = 0, cwd: Path | None = None, patience: float = 120.0, **env: str
    ) -> Answer:
        """A command without -C. It must end, with exit code `code` (None: any)."""
        done = subprocess.run(
            self.words(args),
            env=self.env | env,
            cwd=cwd or self.folder.parent,
            capture_output=True,
            text=True,
            timeout=patience,
            stdin=subprocess.DEVNULL,
        )
        assert code is None or done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return Answer(done.returncode, done.stdout, done.stderr)

    def __call__(self, *args: Any, code: int | None = 0, cwd: Path | None = None, **env: str) -> Answer:
        """A command on this workspace."""
        return self.bare("-C", self.folder, *args, code=code, cwd=cwd, **env)

    def run(self, *args: Any, project: str = "ada", walltime: str = "30s", code: int = 0) -> int:
        """Submit; gives the id."""
        return int(self("run", "--project", project, "--walltime", walltime, *args, code=code).out)

    def gated(self, then: str = "true", walltime: str = "10m") -> int:
        """Work that runs until `open_gate`, then does `then` in a shell; gives the id once it runs."""
        id_ = self.run("--", "sh", "-c", f"while [ ! -e gate ]; do sleep 0.05; done; {then}", walltime=walltime)
        self.until(lambda: self.row(id_)["state"] == "running", "the gated work runs")
        return id_

    def open_gate(self) -> None:
        (self.folder.parent / "gate").touch()

    def start(self, *args: Any) -> subprocess.Popen[str]:
        """A command that goes on beside the test; it is ended with it."""
        process = subprocess.Popen(
            self.words(("-C", self.folder, *args)),
            env=self.env,
            cwd=self.folder.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        self.started.append(process)
        return process

    def up(self) -> subprocess.Popen[str]:
        """A controller that runs until the end of the test; returns when it acts."""
        process = self.start("up")
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "the controller is up" in line, line
        return process

    def row(self, id_: int) -> dict[str, Any]:
        """What `ps --all --json` says of one workload."""
        return next(row for row in self("ps", "--all", "--json").json if row["id"] == id_)

    def until(self, holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until `holds()`; the test fails when it never does."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            time.sleep(0.1)

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.started:
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@pytest.fixture
def shanyrak(tmp_path: Path) -> Iterator[Shanyrak]:
    """The command line beside an empty place for a workspace."""
    made = Shanyrak(tmp_path / "site")
    yield made
    made.close()


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Shanyrak]:
    """The command line for a workspace that several tests share."""
    return lambda name: Shanyrak(tmp_path_factory.mktemp(name) / "site")


@pytest.fixture(scope="session")
def pristine(beside: Callable[[str], Shanyrak]) -> Shanyrak:
    """A workspace of one node with two CPU slots, the project `ada` and a grant of ten cpu-hours. Not to be changed."""
    made = beside("pristine")
    made.bare("init", made.folder, "--nodes", "1x2", "--unit", "cpu")
    made("project", "add", "ada", "--sector", "startup", "--org", "Ada LLP")
    made("grant", "add", "ada", 10, "cpu-hour")
    return made


@pytest.fixture
def site(shanyrak: Shanyrak, pristine: Shanyrak) -> Shanyrak:
    """A copy of it that the test may do with as it likes."""
    shutil.copytree(pristine.folder, shanyrak.folder)
    return shanyrak
