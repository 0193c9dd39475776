"""Fair share: who has used least of its share goes first, sector by sector, then project by project."""

from __future__ import annotations

from typing import Any

from shanyrak.api import Params, Stages, View, jit

from shanyrak_policies.fair_tree import put_keys, tree_levels
from shanyrak_policies.settings import depth, half_life, numbers


@jit
def order(b: Any, now: int, numbers: Any, d: Any) -> None:
    """Keys: Fair Tree. Numbers: half-life (ms)."""
    put_keys(b, now, numbers[0], d, 0)


def stages(view: View, params: Params) -> Stages:
    """Fair Tree over use that fades with `half_life`; the first `depth` that wait are reserved a start."""
    return Stages(order=order, levels=tree_levels(view), numbers=numbers(half_life(params)), depth=depth(params))
