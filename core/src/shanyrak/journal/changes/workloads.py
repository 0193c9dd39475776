"""What events of workloads change."""

from __future__ import annotations

from collections.abc import Sequence

from shanyrak.journal.changes.registry import At, Data, change, changes
from shanyrak.journal.changes.row import load, move, save
from shanyrak.journal.store import Rows, Value
from shanyrak.model import reasons, states

_WORKLOAD = (
    f"INSERT INTO workload VALUES ({', '.join('?' * 19)}, 0, ?, 0, 0, '[]', 0, 0, 0, 0, 0, '', ?, ?, 0, ?,"
    " NULL, 1, 0, ?, 0, ?)"
)


@changes("workload.submitted")
def _submitted(rows: Rows, several: Sequence[tuple[At, Data]]) -> None:
    rows.many(_WORKLOAD, [_row(at, data) for at, data in several])
    before = [(one, data["id"]) for _, data in several for one in data["after"]]
    if before:
        rows.many("INSERT INTO dependency VALUES (?, ?)", before)


def _row(at: At, data: Data) -> tuple[Value, ...]:
    """A new workload's row: what was asked for, and none of its tasks begun."""
    state = data["state"]
    return (
        data["id"],
        data["project"],
        data["account"],
        data.get("key"),
        at.actor,
        at.seq,
        data["title"],
        data["pool"],
        data["width"],
        data["units"],
        data["tasks"],
        data["at_once"],
        data["walltime"],
        data["term"],
        data["tries"],
        data["unfenced"],
        state,
        data["reason"],
        data["words"],
        len(data["after"]),
        at.time,
        at.time,
        at.time if state == states.REFUSED else 0,
        data.get("class", 0),
        data.get("safe", 0),
    )


@change("workload.held")
def _held(rows: Rows, at: At, data: Data) -> None:
    rows.run("UPDATE workload SET held = ? WHERE id = ?", (data["held"], data["id"]))


@change("workload.freed")
def _freed(rows: Rows, at: At, data: Data) -> None:
    """One of those it came after is done; `waits` is how many are left."""
    if data["waits"]:
        rows.run("UPDATE workload SET waits = ? WHERE id = ?", (data["waits"], data["id"]))
    else:
        rows.run(
            "UPDATE workload SET waits = 0, reason = ?, words = ? WHERE id = ?",
            (reasons.WAITING, "what it came after is done", data["id"]),
        )


@change("workload.ready")
def _ready(rows: Rows, at: At, data: Data) -> None:
    """Its pause after trouble is over; an array of which tasks live keeps its reason."""
    rows.run("UPDATE workload SET backoff = 0 WHERE id = ?", (data["id"],))
    rows.run(
        "UPDATE workload SET reason = ?, words = 'to be tried again' WHERE id = ? AND state = ?",
        (reasons.WAITING, data["id"], states.QUEUED),
    )


@change("workload.stopped")
def _stop(rows: Rows, at: At, data: Data) -> None:
    """A person asks for its end: what waits is dropped now, what lives is told to stop."""
    row = load(rows, data["id"])
    row.dropped += row.tasks - row.next + len(row.again)
    row.next, row.again = row.tasks, []
    row.stopping = data["reason"]
    rows.run("UPDATE attempt SET stop = ? WHERE workload = ? AND open = 1", (data["reason"], row.id))
    move(rows, at, row, data["reason"], data["words"])


@change("workload.ended")
def _ended(rows: Rows, at: At, data: Data) -> None:
    """Work that waits ends without having run: cancelled because of what it came after, or expired."""
    row = load(rows, data["id"])
    states.check_move(row.state, data["state"])
    row.dropped += row.tasks - row.next + len(row.again)
    row.next, row.again, row.state = row.tasks, [], data["state"]
    save(rows, at, row, data["reason"], data["words"])
