"""Children of a test: forked from it with everything imported, so that hundreds of real kills stay affordable."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120.0
"""Seconds after which something that should happen is taken not to happen."""


class Child:
    """A forked process that runs one function; what it prints is kept in `log`."""

    def __init__(self, function: Callable[[], object], log: Path) -> None:
        self.log = log
        self.status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _run(function, log)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal it, if it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it lives."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit code; AssertionError with what it printed when it does not end."""
        eventually(lambda: self.poll() is not None, lambda: f"child {self.pid} ends; it said:\n{self.said()}", patience)
        assert self.status is not None
        return self.status

    def good(self, patience: float = PATIENCE) -> None:
        """Wait for a good end."""
        code = self.wait(patience)
        assert code == 0, f"child ended with {code}; it said:\n{self.said()}"

    def said(self) -> str:
        """What it printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def _run(function: Callable[[], object], log: Path) -> None:
    """In the child: run, and leave by `_exit`, so that nothing of the test's own runs twice."""
    code = 70
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        result = function()
        code = result if isinstance(result, int) else 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def eventually(check: Callable[[], object], what: str | Callable[[], str], patience: float = PATIENCE) -> None:
    """Wait until `check` holds; AssertionError when it never does."""
    until = time.monotonic() + patience
    while not check():
        assert time.monotonic() < until, f"never happened: {what if isinstance(what, str) else what()}"
        time.sleep(0.01)


def with_argument(mark: str) -> list[int]:
    """Live processes that have `mark` as one of their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark.encode() not in (entry / "cmdline").read_bytes().split(b"\0"):
                continue
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            continue
        if state not in "ZX":
            found.append(int(entry.name))
    return found


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []
