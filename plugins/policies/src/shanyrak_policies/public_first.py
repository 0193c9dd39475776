"""Public first: services that people count on go before all other work, and may stop it, up to what their sector may take."""

from __future__ import annotations

from typing import Any

from shanyrak.api import Params, Stages, View, jit
from shanyrak.api import board as of
from shanyrak.api import desk as on

from shanyrak_policies.fair_tree import put_keys, tree_levels
from shanyrak_policies.floors import fill_floors, price_stops
from shanyrak_policies.settings import depth, half_life, number, numbers

RANKS = 64
"""More than there are service classes."""


@jit
def capped(b: Any, account: int) -> bool:
    """Whether the account or one above it has a cap."""
    while account >= 0:
        if b[b[of.A_CAP] + account] >= 0:
            return True
        account = b[b[of.A_PARENT] + account]
    return False


@jit
def order(b: Any, now: int, numbers: Any, d: Any) -> None:
    """Keys: services within their sector's floor, then the service class, the highest first, then Fair Tree.

    Services are what is of the lowest class that claims or a higher one. They have guard 1: others of their kind do not stop
    them. One has claim 1, so it may stop work of lower classes, if its sector has a cap, which bounds what claims can take.
    Within its sector's floor it has claim 2 and guard 2: it may stop also services that are beyond theirs, and nothing
    stops it.
    Numbers: half-life (ms), the lowest class that claims.
    """
    least, class_, tasks, account = numbers[1], b[of.J_CLASS], b[of.J_TASKS], b[of.J_ACCOUNT]
    key, claim, guard = d[on.KEYS], d[on.D_CLAIM], d[on.D_GUARD]
    put_keys(b, now, numbers[0], d, 1)
    for row in range(b[of.JOBS]):
        d[key + row] = -b[class_ + row]
    fill_floors(b, d, least, 2)
    price_stops(b, now, d, False)
    for row in range(b[of.JOBS]):
        if b[tasks + row] > 0 and b[class_ + row] >= least:
            if d[claim + row] == 2:
                d[key + row] -= RANKS  # before what it may stop, or that would take the same units again
            elif capped(b, b[account + row]):
                d[claim + row] = 1
            d[guard + row] = max(d[guard + row], 1)


def stages(view: View, params: Params) -> Stages:
    """Setting: `claims_from`, the rank of the lowest service class that claims (0 is the lowest of all): by default the
    lowest whose work is always promised a start, or 1.
    """
    always = int(params.get("promise_classes", 0))
    lowest = (always & -always).bit_length() - 1 if always else 1
    told = numbers(half_life(params), number(params, "claims_from", lowest, 0, RANKS - 1))
    levels = 1 + tree_levels(view, others=1)
    return Stages(order=order, levels=levels, numbers=told, depth=depth(params), reclaims=True)
