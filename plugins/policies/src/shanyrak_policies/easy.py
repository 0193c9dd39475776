"""EASY backfilling (Lifka 1995): the first in the queue has a reservation, the rest may use what it leaves."""

from __future__ import annotations

from shanyrak.api import Params, Stages, View

from shanyrak_policies.settings import depth


def stages(view: View, params: Params) -> Stages:
    """Order of submission; the first `depth` (1) of each pool that wait are reserved a start."""
    return Stages(pack="easy", depth=depth(params))
