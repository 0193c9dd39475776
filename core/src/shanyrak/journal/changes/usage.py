"""What readings of meters change: a row for each meter and attempt."""

from __future__ import annotations

from shanyrak.journal.changes.registry import At, Data, change
from shanyrak.journal.store import Rows


@change("usage.metered")
def _metered(rows: Rows, at: At, data: Data) -> None:
    """`readings` is (token, project, amount, method, covered ms, ran ms, words), all of one meter."""
    rows.many(
        "INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (data["meter"], token, data["plugin"], project, data["unit"], amount, method, covered, ran, words)
            for token, project, amount, method, covered, ran, words in data["readings"]
        ],
    )
