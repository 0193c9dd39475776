"""Promises of a start: given once for each queued spell, moved only earlier, then kept or broken with a cause."""

from __future__ import annotations

from collections.abc import Sequence

from shanyrak.control.timers import breach
from shanyrak.journal.journal import Writer

WORTH_MS = 1_000
"""A promise is moved when it becomes earlier by at least this."""


def give(writer: Writer, works: Sequence[int], starts: Sequence[int], margin: int) -> None:
    """Record the promises of a plan: `margin` ms after the earliest start that was computed."""
    for work, start in zip(works, starts, strict=True):
        row = writer.rows.one("SELECT spell, promised FROM workload WHERE id = ? AND state = 'queued'", (work,))
        if row is None:
            continue
        spell, promised = row
        at = start + margin
        known = writer.rows.one("SELECT state FROM promise WHERE workload = ? AND spell = ?", (work, spell))
        if known is None:
            writer.append("promise.given", work, {"workload": work, "spell": spell, "at": at})
        elif known[0] == "given" and at <= promised - WORTH_MS:
            writer.append("promise.moved", work, {"workload": work, "spell": spell, "at": at})


def keep(writer: Writer, work: int) -> None:
    """The work starts now: its promise, if it has one, is kept, or broken if this is too late."""
    row = writer.rows.one("SELECT spell, promised, held FROM workload WHERE id = ? AND promised != 0", (work,))
    if row is None:
        return
    spell, promised, held = row
    if writer.now <= promised:
        writer.append("promise.kept", work, {"workload": work, "spell": spell, "state": "kept", "cause": ""})
    else:
        cause = breach(writer.rows, work, held, promised)
        writer.append("promise.broken", work, {"workload": work, "spell": spell, "state": "broken", "cause": cause})
