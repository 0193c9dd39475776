"""The fold: `apply` is the only code that writes the folded tables, live and when re-folding.

It is a pure function of the event and the tables before it: no clock, no randomness, nothing outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from shanyrak.journal.changes import attempts, imported, promises, site, tenants, usage, workloads  # noqa: F401  (they register)
from shanyrak.journal.changes.registry import CHANGES, MANY, At, Data
from shanyrak.journal.store import Rows

__all__ = ["CHANGES", "MANY", "At", "apply", "apply_many"]


def apply(rows: Rows, seq: int, time: int, actor: str, type_: str, data: Data) -> None:
    """Apply one event. KeyError for a type that nobody registered: a defect."""
    CHANGES[type_](rows, At(seq, time, actor), data)


def apply_many(rows: Rows, type_: str, several: Sequence[tuple[At, Data]]) -> None:
    """Apply events of one type that can be applied together, in order."""
    MANY[type_](rows, several)
