"""EASY backfilling (Lifka 1995): the first in the queue has a reservation, the rest may use what it leaves."""

from __future__ import annotations

from shanyrak.api import Params, Stages, View


def stages(view: View, params: Params) -> Stages:
    """Order of submission; the first `params["depth"]` (1) of each pool that wait are promised a start."""
    return Stages(pack="easy", depth=int(params.get("depth", 1)))
