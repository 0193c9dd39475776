"""The fold: `apply` is the only code that writes the folded tables, live and when re-folding.

It is a pure function of the event and the tables before it: no clock, no randomness, nothing outside.
"""

from __future__ import annotations

from shanyrak.journal.changes import attempts, promises, site, tenants, workloads  # noqa: F401  (they register)
from shanyrak.journal.changes.registry import CHANGES, At, Data
from shanyrak.journal.store import Rows

__all__ = ["CHANGES", "apply"]


def apply(rows: Rows, seq: int, time: int, actor: str, type_: str, data: Data) -> None:
    """Apply one event. KeyError for a type that nobody registered: a defect."""
    CHANGES[type_](rows, At(seq, time, actor), data)
