"""The processes of one attempt: started as one, and known to be gone at the end, `setsid` and double forks included.

In a pid namespace (`pidns`) all of them die with its first process, and that dies with the keeper. Where none can be
made, the keeper adopts every orphan (`subreaper`), and "no children left" is the proof.
"""

# ruff: noqa: PTH118
from __future__ import annotations

import os
import shutil
import signal
from typing import Any

from . import linux

DEFAULT_SIGNALS = [
    number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP) and number < 32
]


class NotStarted(Exception):
    """The command was not started, in words."""


class Tree:
    """Made before the command is known to be wanted; `start` runs it."""

    def __init__(self) -> None:
        try:
            linux.new_pids()
            self.isolation = "pidns"
        except OSError:
            linux.become_subreaper()
            self.isolation = "subreaper"
        self._root = 0

    def prepare(self, job: dict[str, Any], env: dict[str, str], outputs: list[int]) -> int:
        """Fork what becomes the command, which waits for `release`; the pid that stands for the attempt."""
        self._hold = os.pipe()
        self._failed = os.pipe()
        self._status = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                self._child(job, env, outputs)
            except BaseException as problem:
                os.write(self._failed[1], str(problem).encode()[:2000])
            finally:
                os._exit(127)
        self._root = pid
        for fd in (self._hold[0], self._failed[1], self._status[1]):
            os.close(fd)
        return pid

    def release(self) -> None:
        """Let it run. Raises NotStarted when there is no such command."""
        os.write(self._hold[1], b".")
        os.close(self._hold[1])
        words = b""
        while part := os.read(self._failed[0], 4096):
            words += part
        os.close(self._failed[0])
        if words:
            self.sweep()
            raise NotStarted(words.decode(errors="replace"))

    def ended(self) -> int | None:
        """The wait status of the command once it has ended."""
        if self.isolation == "subreaper":
            pid, status = os.waitpid(self._root, os.WNOHANG)
            return status if pid else None
        os.set_blocking(self._status[0], False)
        try:
            told = os.read(self._status[0], 16)
        except BlockingIOError:
            return None
        return int(told) if told else int(signal.SIGKILL)

    def watched(self) -> int:
        """A descriptor that is readable once the command has ended."""
        return self._status[0] if self.isolation == "pidns" else os.pidfd_open(self._root)

    def members(self) -> list[int]:
        """Processes of the attempt, by the pids of the node."""
        return linux.descendants(self._root if self.isolation == "pidns" else os.getpid())

    def signal_all(self, number: int) -> None:
        """Signal every process of the attempt."""
        for pid in self.members():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def sweep(self) -> None:
        """Kill what is left; returns when no process of the attempt exists."""
        while True:
            if self.isolation == "pidns":
                os.kill(self._root, signal.SIGKILL)
            else:
                self.signal_all(signal.SIGKILL)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return
            if self.isolation == "pidns":  # The kernel lets the first process go when all others are gone.
                return

    # ---- in the child -----------------------------------------------------------------------------------

    def _child(self, job: dict[str, Any], env: dict[str, str], outputs: list[int]) -> None:
        linux.die_with_parent(signal.SIGKILL)
        os.close(self._hold[1])
        if not os.read(self._hold[0], 1):  # The keeper died before it said so.
            os._exit(127)
        if self.isolation == "subreaper":
            self._become(job, env, outputs)
        try:
            linux.fresh_proc()
        except OSError:
            pass
        pid = os.fork()
        if pid == 0:
            try:
                self._become(job, env, outputs)
            except BaseException as problem:
                os.write(self._failed[1], str(problem).encode()[:2000])
            finally:
                os._exit(127)
        os.close(self._failed[1])
        while True:
            found, status = os.wait()
            if found == pid:
                os.write(self._status[1], str(status).encode())
                os._exit(0)

    def _become(self, job: dict[str, Any], env: dict[str, str], outputs: list[int]) -> None:
        """Become the command in a session of its own. Returns only by an exception."""
        os.setsid()
        try:
            os.chdir(job["cwd"])
        except OSError as problem:
            raise NotStarted(f"working folder {job['cwd']}: {problem.strerror}") from None
        argv = job["argv"]
        if not argv or not argv[0]:
            raise NotStarted("no command was given")
        path = argv[0] if "/" in argv[0] else shutil.which(argv[0], path=env.get("PATH", os.defpath))
        if path is None:
            raise NotStarted(f"command not found: {argv[0]}")
        null = os.open("/dev/null", os.O_RDONLY)
        for number, fd in enumerate([null, *outputs]):
            os.dup2(fd, number)
        os.umask(0o022)
        for number in DEFAULT_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        try:
            os.execve(path, argv, env)
        except OSError as problem:
            raise NotStarted(f"{argv[0]}: {problem.strerror}") from None
