"""What is done with attempts whose keeper died: prove that nothing of them lives, and write down their end."""

from __future__ import annotations

import os
import signal
import time

from shanyrak_local import proc
from shanyrak_local.book import Record, Writer, home_of
from shanyrak_local.lock import last_pulse

PATIENCE = 10.0


def recover(book: Writer, lock_fd: int) -> None:
    """End every attempt that has no end. Called with the lock held, so no keeper lives. Twice changes nothing.

    After a reboot nothing lives. Else the workers of the dead keeper are found by pid and start time, and killed;
    one that is gone has taken its namespace with it. In a copy of a folder they are the other's, and are left alone.
    """
    facts = book.facts
    copied = facts.home not in (0, home_of(book.path.parent))
    left = _alive(facts.workers) if copied else _end_workers(facts.workers)
    at, mono, boot = last_pulse(lock_fd)
    for token in facts.live():
        book.append(_end(facts.starts[token], left, at, mono, boot, copied))
    if copied or not left:
        book.open()
    book.flush()
    book.sync()


def _alive(workers: dict[int, int]) -> set[int]:
    return {pid for pid, started in workers.items() if proc.alive(pid, started)}


def _end_workers(workers: dict[int, int]) -> set[int]:
    """Kill the workers of a dead keeper; those that did not go in time."""
    left = _alive(workers)
    until = time.monotonic() + PATIENCE
    asked = time.monotonic() + PATIENCE / 2  # A sub-reaper kills its tree by itself when the keeper is gone: let it.
    while left and time.monotonic() < until:
        if time.monotonic() >= asked:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        time.sleep(0.005)
        left = {pid for pid in left if proc.alive(pid, workers[pid])}
    return left


def _end(start: Record, left: set[int], at: int, mono: int, boot: str, copied: bool) -> Record:
    same_boot = start["boot"] == proc.boot_id()
    beat = boot == start["boot"] and mono >= start["mono"]
    pid, _ = start["worker"]
    fenced = not same_boot or (start["ns"] and pid not in left)
    words = "its supervisor was killed" if same_boot else "the machine was started anew"
    if copied and not fenced:
        words = "it runs in the folder that this one is a copy of"
    return {
        "k": "end",
        "t": start["t"],
        "at": max(at, start["at"]) if beat else start["at"],
        "ran": mono - start["mono"] if beat else 0,
        "code": None,
        "sig": 0,
        "cause": "node",
        "words": words,
        "cpu": 0,
        "mem": 0,
        "fenced": fenced,
    }
