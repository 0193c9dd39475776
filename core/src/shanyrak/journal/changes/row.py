"""One row of a workload while an event is applied: its counts, and the state they add up to."""

from __future__ import annotations

import json

from shanyrak.journal.changes.registry import At
from shanyrak.journal.events import canonical
from shanyrak.journal.store import Rows
from shanyrak.model import reasons, states

_COLUMNS = (
    "id",
    "state",
    "reason",
    "words",
    "tasks",
    "next",
    "again",
    "live",
    "done",
    "failed",
    "lost",
    "dropped",
    "stopping",
    "backoff",
    "queued",
    "started",
    "ended",
    "exit_code",
    "spell",
    "walltime",
    "leaving",
)


class Work:
    """What changes of one workload, while an event is applied."""

    __slots__ = (*_COLUMNS, "last")
    id: int
    state: str
    reason: str
    words: str
    tasks: int
    next: int
    again: list[int]
    live: int
    done: int
    failed: int
    lost: int
    dropped: int
    stopping: str
    backoff: int
    queued: int
    started: int
    ended: int
    exit_code: int | None
    spell: int
    walltime: int
    leaving: int
    last: int


def load(rows: Rows, id_: int) -> Work:
    found = rows.one(f"SELECT {', '.join(_COLUMNS)} FROM workload WHERE id = ?", (id_,))
    assert found is not None
    row = Work()
    for name, value in zip(_COLUMNS, found, strict=True):
        setattr(row, name, value)
    row.again = json.loads(found[6])
    row.last = 0
    return row


def save(rows: Rows, at: At, row: Work, reason: str, words: str) -> None:
    if row.state in states.ENDED and not row.ended:
        row.ended = row.last or at.time
    rows.run(
        "UPDATE workload SET state = ?, reason = ?, words = ?, next = ?, again = ?, live = ?, done = ?, failed = ?,"
        " lost = ?, dropped = ?, stopping = ?, backoff = ?, queued = ?, started = ?, ended = ?, exit_code = ?, spell = ?,"
        " leaving = ?"
        " WHERE id = ?",
        (
            row.state,
            reason,
            words,
            row.next,
            canonical(row.again),
            row.live,
            row.done,
            row.failed,
            row.lost,
            row.dropped,
            row.stopping,
            row.backoff,
            row.queued,
            row.started,
            row.ended,
            row.exit_code,
            row.spell,
            row.leaving,
            row.id,
        ),
    )


def move(rows: Rows, at: At, row: Work, reason: str, words: str) -> None:
    """Give the workload the state that its tasks add up to, by the state machine."""
    new = _state(row)
    if new == row.state and new in (states.RUNNING, states.STARTING):
        reason, words = row.reason, row.words  # an array goes on: the end of one task is not its reason
    if row.tasks > 1 and new in (states.FAILED, states.LOST):
        reason, words = _first_fault(rows, row, new)  # the task that ended last may be one that is done
    states.check_move(row.state, new)
    row.state = new
    save(rows, at, row, reason, words)


def _first_fault(rows: Rows, row: Work, state: str) -> tuple[str, str]:
    """Reason and words of an array that failed or was lost: how many of its tasks, and what befell the first."""
    counts = " and ".join(f"{number} {how}" for number, how in ((row.failed, "failed"), (row.lost, "lost")) if number)
    told = f"of {row.tasks} tasks {counts}"
    for task, number, cause, exit_code, signal, words in rows.all(
        "SELECT task, try, cause, exit_code, signal, words FROM attempt WHERE workload = ? AND open = 0"
        " AND NOT (cause = 'ended' AND exit_code = 0 AND signal = 0)"
        " ORDER BY CASE WHEN cause IN ('absent', 'node', 'unknown') THEN 1 ELSE 0 END, ended, task, try",
        (row.id,),
    ):
        again = "SELECT 1 FROM attempt WHERE workload = ? AND task = ? AND try > ?"
        if rows.one(again, (row.id, task, number)):
            continue
        reason = reasons.of_end(state, cause, exit_code, signal)
        return reason, f"{told}; the first: {words}"
    return reasons.UNFENCED if state == states.LOST else reasons.TRIES, told


def _state(row: Work) -> str:
    """Stopping: a person stops all of it, or its only task is being stopped for other work; an array goes on meanwhile."""
    if row.live:
        if row.stopping or (row.leaving and row.tasks == 1):
            return states.STOPPING
        return states.RUNNING if row.state == states.RUNNING else states.STARTING
    if row.next < row.tasks or row.again:
        return states.QUEUED
    if row.dropped:
        return states.CANCELLED
    if row.failed:
        return states.FAILED
    return states.LOST if row.lost else states.DONE
