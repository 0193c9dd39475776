"""First come, first served: in each pool, nothing passes work that waits for nodes."""

from __future__ import annotations

from shanyrak.api import Params, Stages, View


def stages(view: View, params: Params) -> Stages:
    """Strict order of submission. Work that only a cap, a grant or its own `%N` holds back is passed."""
    return Stages(pack="strict")
