"""Named points around commits. A test sets SHANYRAK_CRASH_AT=`point:n` and the process is killed, as by `kill -9`,
when it reaches that point for the n-th time. Without the variable, a point costs one comparison."""

from __future__ import annotations

import os
import signal

POINTS = (
    "commit.before",
    "commit.after",
    "submit.before",
    "submit.after",
    "stop.after",
    "grant.after",
    "lease.after",
    "nodes.after",
    "ring.after",
    "decide.before",
    "intent.before",
    "intent.after",
    "launch.before",
    "launch.after",
    "stopped.before",
    "stopped.after",
    "settle.before",
    "settle.after",
    "forget.after",
    "meter.after",
    "facility.after",
    "leave.after",
)

_name = ""
_left = 0


def arm(where: str) -> None:
    """Ask this process to die at `point:n`; an empty text disarms."""
    global _name, _left
    _name, _, count = where.partition(":")
    _left = int(count or 1)


arm(os.environ.get("SHANYRAK_CRASH_AT", ""))


def reached(point: str) -> None:
    """Die here if a test asked for it."""
    global _left
    if point == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
