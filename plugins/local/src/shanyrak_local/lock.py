"""The lock of an engine's folder: an `flock` on `lock`, held by the keeper and inherited by its workers.

The file also holds the keeper's pulse, so that the end of what died with it can be told to within two seconds.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from pathlib import Path

from shanyrak_local import proc


def take(folder: Path) -> int | None:
    """Take the lock; its descriptor, or None when another process holds it."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(fd)
        if problem.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return None
        raise
    return fd


def held(folder: Path) -> bool:
    """Whether a keeper (or a worker of it) lives."""
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def pulse(fd: int) -> None:
    """Note that the keeper lives now."""
    text = json.dumps({"at": time.time_ns() // 1_000_000, "mono": time.monotonic_ns() // 1_000_000})
    boot = proc.boot_id()
    try:
        os.pwrite(fd, f"{text}\n{boot}\n".encode().ljust(160), 0)
    except OSError:
        pass


def last_pulse(fd: int) -> tuple[int, int, str]:
    """Wall time, monotonic time (ms) and boot of the last pulse; zeros when there was none."""
    try:
        lines = os.pread(fd, 160, 0).decode().splitlines()
        beat = json.loads(lines[0])
        return int(beat["at"]), int(beat["mono"]), lines[1].strip()
    except (OSError, ValueError, IndexError, KeyError):
        return 0, 0, ""
