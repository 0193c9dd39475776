"""What events of promises change."""

from __future__ import annotations

from shanyrak.journal.changes.registry import At, Data, change
from shanyrak.journal.store import Rows


@change("promise.given")
@change("promise.moved")
def _promised(rows: Rows, at: At, data: Data) -> None:
    """`at` is when it starts at the latest; it may only move earlier."""
    rows.run(
        "INSERT INTO promise VALUES (?, ?, ?, ?, ?, 'given', '', 0) ON CONFLICT (workload, spell)"
        " DO UPDATE SET at = excluded.at",
        (data["workload"], data["spell"], at.time, data["at"], data["at"]),
    )
    rows.run("UPDATE workload SET promised = ? WHERE id = ?", (data["at"], data["workload"]))


@change("promise.kept")
@change("promise.broken")
@change("promise.void")
def _promise_over(rows: Rows, at: At, data: Data) -> None:
    rows.run(
        "UPDATE promise SET state = ?, cause = ?, ended = ? WHERE workload = ? AND spell = ?",
        (data["state"], data["cause"], at.time, data["workload"], data["spell"]),
    )
    rows.run("UPDATE workload SET promised = 0 WHERE id = ?", (data["workload"],))
