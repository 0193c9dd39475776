"""Daemons of a trial: started in the foreground, noted with their start time, told from others that have their number."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shanyrak.api import EngineProblem

PAUSE = 0.01


def started(pid: int) -> str:
    """When a process was started, in ticks since boot; empty when there is none, or only its remains (a zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = stat[stat.rfind(")") + 2 :].split()
    return "" if fields[0] in "ZX" else fields[19]


class Daemon:
    """One daemon by its name. The note in `run` tells it from a process that was later given its number."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], run: Path, logs: Path) -> None:
        self.name, self._argv, self._env, self._logs = name, list(argv), dict(env), logs
        self._note = run / f"{name}.started"
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it in a session of its own, unless it runs."""
        if self.pid():
            return
        with (self._logs / f"{self.name}.out").open("ab") as out:
            self._child = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._env,
                cwd="/",
                start_new_session=True,
            )
        self._note.write_text(f"{self._child.pid} {started(self._child.pid)}")

    def pid(self) -> int:
        """Its process while it lives, else 0. One that an earlier process left there counts, too."""
        if self._child is not None:
            self._child.poll()  # takes away what remains of an ended child
        try:
            pid, _, when = self._note.read_text().partition(" ")
        except OSError:
            return 0
        return int(pid) if pid and when and started(int(pid)) == when else 0

    def wait(self, true: Callable[[], bool], patience: float) -> None:
        """Return as soon as it is true. Raises EngineProblem after `patience` seconds, or when the daemon has ended."""
        end = time.monotonic() + patience
        while not true():
            if not self.pid():
                raise EngineProblem(
                    f"{self.name} of the trial Slurm", f"it ended: {self._last_words()}", f"see {self._logs}"
                )
            if time.monotonic() > end:
                raise EngineProblem(
                    f"{self.name} of the trial Slurm", f"no answer in {patience:g} s", f"see {self._logs}"
                )
            time.sleep(PAUSE)

    def kill(self, number: int) -> None:
        """Send a signal; when it is one to end, return when it has ended."""
        if pid := self.pid():
            os.kill(pid, number)
            end = time.monotonic() + 30
            while number in (signal.SIGKILL, signal.SIGTERM) and self.pid() and time.monotonic() < end:
                time.sleep(PAUSE)

    def _last_words(self) -> str:
        said = (self._logs / f"{self.name}.out").read_text(errors="replace").strip()
        return said.splitlines()[-1] if said else "it said nothing"
