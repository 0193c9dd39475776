"""The few system calls that Python does not offer, by ctypes, and what /proc says. Each call raises `OSError`."""

# ruff: noqa: PTH208
from __future__ import annotations

import ctypes
import os

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE = 2, 4, 8, 16384, 1 << 19
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PAGE = os.sysconf("SC_PAGE_SIZE")

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """unshare(2). With `CLONE_NEWPID` it is the next child that starts the new namespace."""
    _check(_libc.unshare(flags), "unshare")


def new_pids() -> None:
    """Have the next child start a pid namespace: root may, others own a user namespace for it. One thread only."""
    if os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
        unshare(CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    unshare(CLONE_NEWPID)


def fresh_proc() -> None:
    """Give this process and its children a /proc that shows their own pid namespace."""
    unshare(CLONE_NEWNS)
    _check(_libc.mount(b"none", b"/", b"", ctypes.c_ulong(MS_REC | MS_SLAVE), None), "mount")
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _check(_libc.mount(b"proc", b"/proc", b"proc", flags, None), "mount")


def die_with_parent(signal: int) -> None:
    """Have this process sent `signal` when the thread that forked it ends."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal), 0, 0, 0), "prctl")


def become_subreaper() -> None:
    """Adopt every orphan among this process's descendants."""
    _check(_libc.prctl(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0), "prctl")


def start_time(pid: int) -> int:
    """Start of a process in clock ticks since boot; 0 when there is no such process or only its zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError:
        return 0
    fields = text[text.rindex(")") + 2 :].split()
    return 0 if fields[0] in "ZX" else int(fields[19])


def descendants(pid: int) -> list[int]:
    """All processes below a process, parents first."""
    found: list[int] = []
    front = _children(pid)
    while front:
        found.extend(front)
        front = [child for parent in front for child in _children(parent)]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found.extend(map(int, file.read().split()))
    except OSError:
        pass
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


def memory_kills() -> int:
    """How many processes the kernel has killed for want of memory since its boot; 0 where it does not count them."""
    try:
        with open("/proc/vmstat") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0
