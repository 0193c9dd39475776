"""Who gains and who loses by a policy, against the first one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from shanyrak.api import Ints

MINUTE = 60_000
FEW = 10


def gains(before: Ints, after: Ints, groups: Mapping[str, tuple[Ints, Sequence[str]]]) -> dict[str, Any]:
    """Jobs that start sooner and later (by a minute or more), and for each kind of group its winners and losers.

    Winners wait fewer hours in all than before, losers more; the first ten of each by that, with their mean waits.
    """
    change = after - before
    return {
        "jobs_sooner": int(np.count_nonzero(change <= -MINUTE)),
        "jobs_later": int(np.count_nonzero(change >= MINUTE)),
        "by": {name: _of(before, after, *group) for name, group in groups.items()},
    }


def _of(before: Ints, after: Ints, index: Ints, names: Sequence[str]) -> dict[str, Any]:
    count = np.bincount(index + 1, minlength=len(names) + 1)
    was, now = _sums(index, before, len(count)), _sums(index, after, len(count))
    rows: list[dict[str, Any]] = [
        {
            "name": names[i - 1] if i else "unknown", "jobs": int(count[i]),
            "mean_before_s": round(was[i] / int(count[i]) / 1000, 3), "mean_after_s": round(now[i] / int(count[i]) / 1000, 3),
            "hours": round((now[i] - was[i]) / 3_600_000, 3),
        }
        for i in np.flatnonzero(count).tolist()
    ]  # fmt: skip
    winners = sorted((row for row in rows if row["hours"] < 0), key=lambda row: (row["hours"], row["name"]))
    losers = sorted((row for row in rows if row["hours"] > 0), key=lambda row: (-row["hours"], row["name"]))
    return {
        "gain": len(winners), "lose": len(losers), "same": len(rows) - len(winners) - len(losers),
        "winners": winners[:FEW], "losers": losers[:FEW],
    }  # fmt: skip


def _sums(index: Ints, values: Ints, groups: int) -> list[int]:
    """Exact sums by group: whole numbers, added in whole numbers."""
    out = np.zeros(groups, np.int64)
    np.add.at(out, index + 1, values)
    return [int(value) for value in out]
