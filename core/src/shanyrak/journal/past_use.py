"""Past use of an account after an attempt: the one rule for the tables and for the view that follows the events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shanyrak.model.decay import settle


def with_attempt(settled: int, settled_at: int, data: Mapping[str, Any], half_life: int) -> tuple[int, int]:
    """(unit-ms, decayed to this time) with what `data` (of `attempt.ended`, `attempt.late`, `work.imported`) says that it ran.

    What ran before the site had a half-life (0), or did not run at all, changes nothing.
    """
    if not half_life or data["ran"] <= 0:
        return settled, settled_at
    return settle(settled, settled_at, data["units"], data["ended"] - data["ran"], data["ended"], half_life)
