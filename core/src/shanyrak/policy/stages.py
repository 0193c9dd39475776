"""What nearly every policy writes: an order and a way to pack. The kernel makes the plan from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from shanyrak.policy.arrays import Ints, ints
from shanyrak.policy.plan import Plan
from shanyrak.policy.view import View

Params = Mapping[str, int | str]
"""Settings a policy may read. From the core: `margin` (ms added to a promise), `depth`, `half_life` (ms), `promises`,
`promise_classes`, `promise_never`, `promise_units` (see `promising`); from the site whatever `[policy.settings]` has."""

Decide = Callable[[View, Params, Ints], tuple[Plan, Ints]]
"""decide(view, params, carry) -> (plan, carry): the one contract. `carry` is empty at first and after a
change of policy; what is returned comes back in the next round."""

OrderFunction = Callable[[Any, int, Any, Any], None]
"""order(b, now, numbers, d): scalar loops that read the board and write the keys, claims, guards and costs of a round on the desk:
`d[d[KEYS] + level * d[C_ROWS] + row]`, `d[d[D_CLAIM] + row]`, `d[d[D_GUARD] + row]`, `d[d[M_COST] + run row]`, all 0 before."""

MOST_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Stages:
    """Jobs with a promise first, then by the policy's keys (lower first, the first weighs most), then (submit, id).

    Keys, claims, guards and costs come as arrays, or from `order`, which the kernel calls in every round: so a policy is fast in
    rehearsal, where `stages` itself is asked once.
    """

    keys: tuple[Ints, ...] = ()
    """int64 arrays, one value for each pending row of the view."""
    pack: str = "easy"
    """`strict`: nothing of a pool passes a job that waits for nodes. `easy`: what keeps reservations may."""
    depth: int = 1
    """How many waiting jobs of a pool hold a reservation, promised ones included (`easy` only); many: conservative."""
    cap: Ints | None = None
    """A cap for each account, -1 for none, applied beside the account's own."""
    claim: Ints | None = None
    """For each pending row: it may stop what has a lower guard; 0: nothing."""
    guard: Ints | None = None
    """For each pending row: what a claim must exceed to stop it once it runs; no less than its own claim in effect."""
    cost: Ints | None = None
    """For each running row: the lowest is stopped first."""
    order: OrderFunction | None = None
    levels: int = 0
    """How many keys `order` writes."""
    numbers: Ints = field(default_factory=ints)
    """What `order` reads beside the board."""
    reclaims: bool = False
    """Whether `order` writes claims."""

    @property
    def height(self) -> int:
        """How many keys there are."""
        return self.levels if self.order is not None else len(self.keys)

    @property
    def claims(self) -> bool:
        """Whether any work may have other work stopped."""
        return self.reclaims or self.claim is not None


StagesFunction = Callable[[View, Params], Stages]


NEVER = 31
"""Classes are numbered below this; in `Promising.classes` the bits from here on are those that get no promise."""


class Promising(NamedTuple):
    """Who gets a promise of its start: work of the classes in the bit mask, and all of so many units (-1: none), but for
    classes that get none whatever their size."""

    margin: int
    classes: int
    units: int


def promising(params: Params) -> Promising:
    """From the parameters; without any word on it every reservation is promised."""
    if not int(params.get("promises", 1)):
        return Promising(0, 0, -1)
    always, never = int(params.get("promise_classes", 0)), int(params.get("promise_never", 0))
    return Promising(int(params.get("margin", 0)), always | never << NEVER, int(params.get("promise_units", 0)))


def check_stages(stages: object, view: View) -> Stages:
    """The same stages, or ValueError that says what is wrong with them: they come from a plugin."""
    if not isinstance(stages, Stages):
        raise ValueError(f"stages must be a Stages, not {type(stages).__name__}")
    if stages.pack not in ("strict", "easy"):
        raise ValueError(f"pack must be 'strict' or 'easy', not {stages.pack!r}")
    for name, number, most in (("depth", stages.depth, 100_000), ("levels", stages.height, MOST_LEVELS)):
        if not isinstance(number, int) or not 0 <= number <= most:
            raise ValueError(f"{name} must be a whole number from 0 to {most:,}, not {number!r}")
    if stages.order is not None and stages.keys:
        raise ValueError("keys come as arrays or from order, not both")
    jobs, accounts, runs = len(view.job_id), len(view.acc_cap), len(view.run_id)
    named: list[tuple[str, object, int]] = [(f"key {i}", key, jobs) for i, key in enumerate(stages.keys)]
    named += [("cap", stages.cap, accounts), ("claim", stages.claim, jobs), ("guard", stages.guard, jobs)]
    named += [("cost", stages.cost, runs)]
    for name, array, length in named:
        if array is None:
            continue
        if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.shape != (length,):
            found = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
            raise ValueError(f"{name} must be int64 ({length},), not {found}")
    return stages


def as_decide(stages_function: StagesFunction) -> Decide:
    """The `decide` of a policy that gives stages; it keeps them as its attribute `stages`."""

    def decide(view: View, params: Params, carry: Ints) -> tuple[Plan, Ints]:
        from shanyrak.policy.pack import pack

        return pack(view, check_stages(stages_function(view, params), view), params, carry)

    decide.stages = stages_function  # type: ignore[attr-defined]
    return decide
