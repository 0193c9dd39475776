"""GPUs that no two attempts of this spool hold at once, also when a Ray head has forgotten who has which.

Ray says which GPUs a job has. After its head was killed, work that lives on still holds some that the new head takes
for free. So each attempt holds a lock on each of its GPUs until it is dead; who finds one locked takes another of the
node that nobody of this spool holds.
"""

# ruff: noqa: PTH103, PTH118
from __future__ import annotations

import fcntl
import os


def take(folder: str, wanted: list[str], others: list[str]) -> list[str] | None:
    """Lock the wanted GPUs, or some of the others in their place; None, with nothing locked, when there are too few.

    The locks are the process's until it ends. Where the file system has no locks, Ray's word is taken.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    held: dict[str, int] = {}
    for name in [*wanted, *others]:
        if len(held) == len(wanted):
            break
        if name in held:
            continue
        fd = os.open(os.path.join(folder, f"gpu-{name}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            free = lock(fd)
        except OSError:
            os.close(fd)
            return wanted
        if not free:
            os.close(fd)
            continue
        held[name] = fd
    if len(held) == len(wanted):
        return list(held)
    for fd in held.values():
        os.close(fd)
    return None


def lock(fd: int) -> bool:
    """Lock a file that is open; False when another has it locked, OSError where the file system has no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def of_the_node(count: int) -> list[str]:
    """The GPUs that Ray on this node gives out: what its raylet was started with, else the first `count`."""
    pid = os.getpid()
    while pid > 1:
        try:
            with open(f"/proc/{pid}/stat") as file:
                text = file.read()
            with open(f"/proc/{pid}/environ", "rb") as file:
                environ = file.read().split(b"\0")
        except OSError:
            break
        if text[text.index("(") + 1 : text.rindex(")")] == "raylet":
            for line in environ:
                if line.startswith(b"CUDA_VISIBLE_DEVICES="):
                    return line.partition(b"=")[2].decode().split(",")
            break
        pid = int(text[text.rindex(")") + 2 :].split()[1])
    return [str(number) for number in range(count)]
