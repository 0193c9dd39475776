"""What this machine is: its GPUs, the CPUs this process may use, its memory."""

from __future__ import annotations

import math
import os
import socket
import subprocess
from pathlib import Path

from shanyrak.api import Node

NVIDIA = Path("/proc/driver/nvidia/gpus")


def gpus() -> int:
    """NVIDIA GPUs, from the driver, else from `nvidia-smi` (given 5 s); 0 when neither answers."""
    try:
        return sum(1 for _ in NVIDIA.iterdir())
    except OSError:
        pass
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(1 for line in listed.stdout.splitlines() if line.startswith("GPU "))


def cpus() -> int:
    """CPUs this process may use: its affinity, or the cgroup's quota where that is less; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    quota = _quota()
    return max(1, min(allowed, math.ceil(quota)) if quota else allowed)


def memory() -> int:
    """Bytes of memory: the machine's, or the cgroup's limit where that is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limit = _number(path)
        if limit:
            return min(total, limit)
    return total


def free_disk(folder: Path) -> int:
    """Bytes that may still be written where a folder lies."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def describe(name: str = "", unit: str = "") -> Node:
    """This machine as one node: units are its GPUs if it has any, else its CPUs, or what `unit` says."""
    count, cores = gpus() if unit != "cpu" else 0, cpus()
    units = count if unit == "gpu" else (count or cores)
    return Node(name or socket.gethostname().split(".")[0] or "node", units, cores, memory())


def _number(path: str) -> int:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return 0


def _quota() -> float:
    """CPUs' worth of time the cgroup allows; 0 for no limit."""
    try:
        allowed, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return 0.0 if allowed == "max" else int(allowed) / int(period)
    except (OSError, ValueError):
        pass
    allowed_us = _number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    return allowed_us / (_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us") or 100000) if allowed_us > 0 else 0.0
