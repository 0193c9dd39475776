"""Reason codes: why a workload is where it is. Each state always carries one, with words."""

from __future__ import annotations

# While it waits (the policy's tests add theirs: see shanyrak.policy.reasons).
WAITING = "waiting"
AFTER = "after"
HOLD = "hold"
PAUSED = "paused"
BACKOFF = "backoff"

# While it lives.
LAUNCHING = "launching"
PENDING = "pending"
RUNNING = "running"
STOP = "stop"
PREEMPTED = "preempted"

# How it ended.
OK = "ok"
EXIT = "exit"
SIGNAL = "signal"
MEMORY = "memory"
WALLTIME = "walltime"
LAUNCH = "launch"
TRIES = "tries"
UNFENCED = "unfenced"
STOPPED = "stopped"
AFTER_FAILED = "after-failed"
TERM = "term"

# Causes that are the infrastructure's, not the user's: retried up to the stated number.
INFRASTRUCTURE = frozenset({"node", "absent"})


def of_end(state: str, cause: str, exit_code: int | None, signal: int) -> str:
    """The reason of work that ended `failed` or `lost`, from what its engine said of the attempt that decided it."""
    if state == "lost":
        return UNFENCED
    if cause in (WALLTIME, MEMORY, LAUNCH, STOPPED):
        return cause
    if signal:
        return SIGNAL
    return EXIT if exit_code else TRIES
