"""The states of a workload and the only moves between them.

    submitted -> queued | refused
    queued    -> starting | cancelled | expired
    starting  -> running | queued | stopping | done | failed | lost
    running   -> stopping | queued | done | failed | lost
    stopping  -> queued | cancelled | done | failed | lost

`starting -> queued`: the launch was refused, same place. `running -> queued`: infrastructure failed, tries left.
`stopping -> queued`: preempted or drained. What ended first wins over a stop, so `stopping -> done` is legal.
"""

from __future__ import annotations

SUBMITTED, QUEUED, REFUSED = "submitted", "queued", "refused"
STARTING, RUNNING, STOPPING = "starting", "running", "stopping"
DONE, FAILED, LOST = "done", "failed", "lost"
CANCELLED, EXPIRED = "cancelled", "expired"

ENDED = frozenset({REFUSED, DONE, FAILED, LOST, CANCELLED, EXPIRED})
LIVE = frozenset({STARTING, RUNNING, STOPPING})

MOVES: dict[str, frozenset[str]] = {
    SUBMITTED: frozenset({QUEUED, REFUSED}),
    QUEUED: frozenset({STARTING, CANCELLED, EXPIRED}),
    STARTING: frozenset({RUNNING, QUEUED, STOPPING, DONE, FAILED, LOST}),
    RUNNING: frozenset({STOPPING, QUEUED, DONE, FAILED, LOST}),
    STOPPING: frozenset({QUEUED, CANCELLED, DONE, FAILED, LOST}),
} | {state: frozenset() for state in ENDED}


class IllegalMove(Exception):
    """A move that the state machine does not have: a defect, never a user's mistake."""


def check_move(old: str, new: str) -> None:
    """Raise IllegalMove unless `old -> new` is drawn above (staying put is always legal)."""
    if new != old and new not in MOVES[old]:
        raise IllegalMove(f"a workload cannot go from {old} to {new}")
