"""Lanes: each sector has a floor that it can always get back; what it leaves idle is lent to the others until then."""

from __future__ import annotations

from typing import Any

from shanyrak.api import Params, Stages, View, jit
from shanyrak.api import board as of
from shanyrak.api import desk as on

from shanyrak_policies.fair_tree import put_keys, tree_levels
from shanyrak_policies.floors import fill_floors, price_stops
from shanyrak_policies.settings import depth, half_life, numbers


@jit
def order(b: Any, now: int, numbers: Any, d: Any) -> None:
    """Keys: 0 for work that fits its sector's floor and 1 for the rest, then Fair Tree. Numbers: half-life (ms).

    Work within the floor has claim 1 and guard 1: it may stop what runs on lent units (guard 0), and is not stopped itself.
    """
    put_keys(b, now, numbers[0], d, 1)
    fill_floors(b, d, 0, 1)
    price_stops(b, now, d, True)
    over, claim = d[on.KEYS], d[on.D_CLAIM]
    for row in range(b[of.JOBS]):
        d[over + row] = 1 - d[claim + row]


def stages(view: View, params: Params) -> Stages:
    """Floors and caps are those of `[sectors.NAME]`; the first `depth` that wait are reserved a start."""
    levels = 1 + tree_levels(view, others=1)
    return Stages(order=order, levels=levels, numbers=numbers(half_life(params)), depth=depth(params), reclaims=True)
