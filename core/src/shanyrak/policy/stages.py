"""What nearly every policy writes: an order and a way to pack. The kernel makes the plan from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from shanyrak.policy.arrays import Ints
from shanyrak.policy.plan import Plan
from shanyrak.policy.view import View

Params = Mapping[str, int | str]
"""Settings a policy may read: at least `margin` (ms added to a promise) and `depth`."""

Decide = Callable[[View, Params, Ints], tuple[Plan, Ints]]
"""decide(view, params, carry) -> (plan, carry): the one contract. `carry` is empty at first and after a
change of policy; what is returned comes back in the next round."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Jobs with a promise first, then by `keys` (lower first, the first weighs most), then (submit, id)."""

    keys: tuple[Ints, ...] = ()
    """int64 arrays, one value for each pending row of the view."""
    pack: str = "easy"
    """`strict`: nothing of a pool passes a job that waits for nodes. `easy`: what keeps reservations may."""
    depth: int = 1
    """How many waiting jobs of a pool hold a reservation, promised ones included (`easy` only)."""
    cap: Ints | None = None
    """A cap for each account, -1 for none, applied beside the account's own."""


StagesFunction = Callable[[View, Params], Stages]


def check_stages(stages: object, view: View) -> Stages:
    """The same stages, or ValueError that says what is wrong with them: they come from a plugin."""
    if not isinstance(stages, Stages):
        raise ValueError(f"stages must be a Stages, not {type(stages).__name__}")
    if stages.pack not in ("strict", "easy"):
        raise ValueError(f"pack must be 'strict' or 'easy', not {stages.pack!r}")
    if not isinstance(stages.depth, int) or stages.depth < 0:
        raise ValueError(f"depth must be a whole number from 0, not {stages.depth!r}")
    named = [(f"key {i}", key, len(view.job_id)) for i, key in enumerate(stages.keys)]
    if stages.cap is not None:
        named.append(("cap", stages.cap, len(view.acc_cap)))
    for name, array, length in named:
        if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.shape != (length,):
            found = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
            raise ValueError(f"{name} must be int64 ({length},), not {found}")
    return stages


def as_decide(stages_function: StagesFunction) -> Decide:
    """The `decide` of a policy that gives stages."""

    def decide(view: View, params: Params, carry: Ints) -> tuple[Plan, Ints]:
        from shanyrak.policy.pack import pack

        return pack(view, check_stages(stages_function(view, params), view), params, carry)

    return decide
