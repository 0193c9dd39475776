"""Smallest area first: the least units x expected time goes first, which keeps the mean wait short."""

from __future__ import annotations

from typing import Any

from shanyrak.api import Params, Stages, View, jit
from shanyrak.api import board as of
from shanyrak.api import desk as on

from shanyrak_policies.settings import depth


@jit
def order(b: Any, now: int, numbers: Any, d: Any) -> None:
    """Key: width x units x predicted time of a task (its walltime until there is a predictor), in unit-ms."""
    area, width, units, predicted = d[on.KEYS], b[of.J_WIDTH], b[of.J_UNITS], b[of.J_PREDICTED]
    for row in range(b[of.JOBS]):
        d[area + row] = b[width + row] * b[units + row] * b[predicted + row]


def stages(view: View, params: Params) -> Stages:
    """A promise holds against smaller work that comes later, so the first `depth` (1) that wait do start."""
    return Stages(order=order, levels=1, depth=depth(params))
