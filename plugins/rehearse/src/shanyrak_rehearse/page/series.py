"""Use and queue over time: exact means over stretches of equal length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from shanyrak.api import Ints

from shanyrak_rehearse.play import Played
from shanyrak_rehearse.work import Work

Floats = npt.NDArray[np.float64]


def in_use(work: Work, played: Played, edges: Ints) -> Floats:
    """Mean units in use in each stretch between `edges` (ms)."""
    return _level(played.at, played.end, (work.width * work.units)[played.job], edges)


def waiting(work: Work, played: Played, edges: Ints) -> Floats:
    """Mean units that waiting work asks for in each stretch."""
    submit = work.of(work.past.submit)
    until = np.where(played.start >= 0, played.start, edges[-1])
    return _level(submit, np.maximum(until, submit), work.width * work.units, edges)


def _level(begin: Ints, end: Ints, units: Ints, edges: Ints) -> Floats:
    """The mean of the sum of `units` over those of [begin, end) that hold."""
    area = _area(begin, units, edges) - _area(end, units, edges)
    return np.diff(area) / np.diff(edges)


def _area(since: Ints, units: Ints, edges: Ints) -> Floats:
    """At each edge t: the sum of units x (t - since) over all that began before t."""
    order = np.argsort(since, kind="stable")
    times, weights = since[order], units[order].astype(np.float64)
    count = np.searchsorted(times, edges, side="right")
    total = np.concatenate([[0.0], np.cumsum(weights)])[count]
    moment = np.concatenate([[0.0], np.cumsum(weights * times)])[count]
    area: Floats = total * edges - moment
    return area
