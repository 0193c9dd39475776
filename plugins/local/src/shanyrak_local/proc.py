"""What /proc says of processes. A process is named by pid *and* start time: a pid alone may be another's by now."""

# ruff: noqa: PTH208
from __future__ import annotations

import os
from functools import cache
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


@cache
def boot_id() -> str:
    """The kernel's name for this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third (state) on; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def start_time(pid: int) -> int:
    """Start of the process in clock ticks since boot; 0 when there is no such process."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def alive(pid: int, started: int) -> bool:
    """Whether that very process still runs (a zombie does not: all it held is gone)."""
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in "ZX" and int(fields[19]) == started


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found.extend(map(int, file.read().split()))
    except OSError:
        pass
    return found


def descendants(pid: int) -> list[int]:
    """All processes below a process, parents first."""
    found, front = [], children(pid)
    while front:
        found.extend(front)
        front = [child for parent in front for child in children(parent)]
    return found


def resident(pid: int) -> int:
    """Resident memory in bytes; 0 when there is no such process."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def proportional(pid: int) -> int:
    """Resident memory with shared pages divided among their users; `resident` where that is not told."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident(pid)
