"""Control groups of version 1: whether Slurm's daemons can use them here, and what is left in them at the end."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def usable(hierarchy: str, root: Path = ROOT) -> bool:
    """Whether a group can be made there by this process. Version 2 alone has no such folder, and gives False."""
    probe = root / hierarchy / f"shanyrak-probe-{os.getpid()}"
    try:
        probe.mkdir()
        there = (probe / "cgroup.procs").exists()
        probe.rmdir()
    except OSError:
        return False
    return there


def members(node: str, root: Path = ROOT) -> set[int]:
    """The processes in the groups that slurmd of this node made."""
    pids: set[int] = set()
    for top in root.glob(f"*/slurm_{node}"):
        for file in top.rglob("cgroup.procs"):
            try:
                pids.update(int(line) for line in file.read_text().split())
            except OSError:
                continue  # its job ended meanwhile
    return pids


def thaw(node: str, root: Path = ROOT) -> None:
    """Let frozen processes go on, so that they can end."""
    for top in root.glob(f"freezer/slurm_{node}"):
        for file in (*top.rglob("freezer.state"),):
            try:
                file.write_text("THAWED")
            except OSError:
                continue


def remove(node: str, root: Path = ROOT) -> None:
    """Take away the empty groups of this node, the inner ones first."""
    for top in root.glob(f"*/slurm_{node}"):
        for folder in sorted((path for path in top.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
            _remove(folder)
        _remove(top)


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass
