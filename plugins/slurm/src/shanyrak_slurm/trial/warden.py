"""Ends a trial whose process is gone, however it went: it waits for the end of a pipe that this process alone holds."""

from __future__ import annotations

import signal
import subprocess
import sys

from shanyrak_slurm.trial.remains import Remains

DONE = b"done"
"""The trial was ended in order: nothing is left to do."""


def watch(remains: Remains) -> subprocess.Popen[bytes]:
    """Start one, in a session of its own, so that Ctrl-C of a terminal is not for it."""
    return subprocess.Popen([sys.executable, "-m", __name__, remains.as_text()], stdin=subprocess.PIPE, cwd="/",
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip


def dismiss(warden: subprocess.Popen[bytes]) -> None:
    """It goes, and touches nothing."""
    try:
        warden.communicate(DONE, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        warden.send_signal(signal.SIGKILL)
        warden.wait()


if __name__ == "__main__":
    if sys.stdin.buffer.read() != DONE:
        Remains.of_text(sys.argv[1]).end()
