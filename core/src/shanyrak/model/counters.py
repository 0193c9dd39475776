"""How much a counter grew: what meters of energy or traffic read, with its repeats, its gaps and its resets.

Standard library only, whole numbers only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Growth(NamedTuple):
    """`amount` in the counter's unit, and for how many of the milliseconds asked about it is known."""

    amount: int
    covered_ms: int


def grown(points: Iterable[tuple[int, int]], from_ms: int, until_ms: int, most_gap_ms: int) -> Growth:
    """What a counter that only grows gained in [from, until], from readings `(time_ms, value)` in any order.

    - A repeated reading counts once; of two values at one time the higher one.
    - A value below the one before is a reset (a reboot): the counter began at zero again, so it gained its new value.
    - Two readings further apart than `most_gap_ms` are a gap: what was gained in it is unknown, so it is neither
      counted nor covered.
    - A step that reaches over `from` or `until` counts by its part within, rounded down.
    """
    kept: dict[int, int] = {}
    for at, value in points:
        kept[at] = max(value, kept.get(at, 0))
    amount = covered = 0
    times = sorted(kept)
    for before, after in zip(times, times[1:], strict=False):
        within = min(after, until_ms) - max(before, from_ms)
        if within <= 0 or after - before > most_gap_ms:
            continue
        gained = kept[after] - kept[before] if kept[after] >= kept[before] else kept[after]
        amount += gained * within // (after - before)
        covered += within
    return Growth(amount, covered)
