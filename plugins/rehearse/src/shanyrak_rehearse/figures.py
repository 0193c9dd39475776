"""The figures of waiting: of all jobs, and of each group of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from shanyrak.api import Ints

BOUND = 10_000
"""Runs shorter than this (ms) count as so long in the bounded slowdown (Feitelson et al. 1997)."""
HOUR = 3_600_000

Floats = npt.NDArray[np.float64]


def slowdowns(wait: Ints, run: Ints) -> Floats:
    """max(1, (wait + run) / max(run, 10 s)) of each job."""
    return np.maximum(1.0, (wait + run) / np.maximum(run, BOUND))


def waits(wait: Ints) -> dict[str, float]:
    """Mean, median, p95 (what 95 of 100 wait at most) and longest, in seconds."""
    if not len(wait):
        return {"mean_s": 0.0, "median_s": 0.0, "p95_s": 0.0, "max_s": 0.0}
    ordered = np.sort(wait)
    return {
        "mean_s": round(int(ordered.sum()) / len(ordered) / 1000, 3),
        "median_s": round(float(quantile(ordered, 0.5)) / 1000, 3),
        "p95_s": round(float(quantile(ordered, 0.95)) / 1000, 3),
        "max_s": round(int(ordered[-1]) / 1000, 3),
    }


def quantile(ordered: Ints, part: float) -> float:
    """The least value that `part` of all do not exceed; of an even number, the median is the mean of the middle two."""
    count = len(ordered)
    if part == 0.5:
        return (int(ordered[(count - 1) // 2]) + int(ordered[count // 2])) / 2
    return int(ordered[max(0, int(np.ceil(round(part * count, 9))) - 1)])


def groups(index: Ints, names: Sequence[str], wait: Ints, run: Ints, use: Ints) -> list[dict[str, Any]]:
    """The figures of each group that has jobs, in the order of `names`; -1 is `unknown`. `use`: unit-ms of each job."""
    order = np.argsort(index, kind="stable")
    place = index[order]
    cuts = np.flatnonzero(np.diff(place)) + 1
    slow = slowdowns(wait, run)
    out = []
    for rows in np.split(order, cuts) if len(order) else ():
        number = int(index[rows[0]])
        out.append({
            "name": names[number] if number >= 0 else "unknown", "jobs": len(rows),
            "unit_hours": round(int(use[rows].sum()) / HOUR, 3), "wait": waits(wait[rows]),
            "bounded_slowdown": {"mean": round(float(slow[rows].mean()), 4)},
        })  # fmt: skip
    return out


def sizes(units: Ints) -> tuple[Ints, list[str]]:
    """Each job's class of size, by powers of two, and the names of the classes."""
    class_ = np.frexp(units.astype(np.float64))[1].astype(np.int64) - 1
    top = int(class_.max(initial=0))
    return class_, ["1"] + [f"{1 << n}-{(2 << n) - 1}" for n in range(1, top + 1)]
