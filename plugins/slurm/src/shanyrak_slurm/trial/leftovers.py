"""Processes of jobs that outlive the daemons of a trial, found and ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from shanyrak_slurm.trial import groups

ROUNDS = 200


def left(folder: Path, nodes: Sequence[str]) -> set[int]:
    """Processes in the nodes' control groups, with the nodes' name in their environment, or with a file of the trial open."""
    found = {pid for node in nodes for pid in groups.members(node)}
    marks = [f"SLURMD_NODENAME={node}\0".encode() for node in nodes]
    inside = f"{folder.resolve()}/"
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) not in (os.getpid(), os.getppid()):
            pid = int(entry.name)
            if _marked(pid, marks) or _steps(pid, inside):
                found.add(pid)
    return found - {os.getpid()}


def end_all(folder: Path, nodes: Sequence[str]) -> None:
    """Kill them, and what they start meanwhile, until none is left; then their control groups go."""
    for _ in range(ROUNDS):
        pids = left(folder, nodes)
        if not pids:
            break
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        for node in nodes:
            groups.thaw(node)
        time.sleep(0.02)
    for node in nodes:
        groups.remove(node)


def _marked(pid: int, marks: Sequence[bytes]) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
    except OSError:
        return False
    return any(mark in environment for mark in marks)


def _steps(pid: int, inside: str) -> bool:
    """Whether it is a daemon of Slurm or the keeper of a job, and holds a file of the trial."""
    try:
        if not Path(f"/proc/{pid}/comm").read_text().startswith("slurm"):
            return False
        return any(str(entry.readlink()).startswith(inside) for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
