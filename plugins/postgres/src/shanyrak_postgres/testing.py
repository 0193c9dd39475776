"""PostgreSQLs for tests: fixtures, to be named in a conftest. A test is skipped, with the reason, where none can be."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from shanyrak.api import UnfitProblem

from shanyrak_postgres.server import Server


@contextmanager
def running(**options: Any) -> Iterator[Server]:
    """A server with these options of `Server`, gone at the end."""
    try:
        made = Server(**options)
    except UnfitProblem as problem:
        pytest.skip(str(problem))
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One for all tests of a process: a schema for each."""
    with running() as made:
        yield made


@pytest.fixture
def lone() -> Iterator[Server]:
    """One of a test's own, to be killed and stopped."""
    with running() as made:
        yield made


class Disk:
    """A small file system in memory. `fill` leaves no room on it, `clear` makes it again."""

    def __init__(self, at: Path) -> None:
        self.at = at

    def fill(self, leave: int = 0) -> None:
        """Take all of it but so many bytes."""
        found = os.statvfs(self.at)
        with open(self.at / "ballast", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - leave)

    def clear(self) -> None:
        (self.at / "ballast").unlink(missing_ok=True)


@contextmanager
def small_disk(size: str) -> Iterator[Disk]:
    """A file system of `size` (`64m`) that every user may write to. It takes root."""
    with ExitStack() as stack:
        # pytest's own folders let no other user through, and PostgreSQL does not run as root.
        at = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shanyrak-disk-")))
        at.chmod(0o755)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "none", str(at)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
        stack.callback(subprocess.run, ["umount", "-l", str(at)], check=True)
        yield Disk(at)


@pytest.fixture
def cramped() -> Iterator[Callable[[str], tuple[Server, Disk]]]:
    """Makes a server on a file system of its own of that size, with all of its data and its WAL."""
    with ExitStack() as stack:

        def make(size: str) -> tuple[Server, Disk]:
            disk = stack.enter_context(small_disk(size))
            return stack.enter_context(running(home=disk.at)), disk

        yield make
