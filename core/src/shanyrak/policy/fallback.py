"""What decides when the active policy fails: the kernel without keys."""

from __future__ import annotations

from shanyrak.policy.arrays import Ints
from shanyrak.policy.plan import Plan
from shanyrak.policy.stages import Params, Stages
from shanyrak.policy.view import View


def fallback(view: View, params: Params, carry: Ints) -> tuple[Plan, Ints]:
    """EASY in order of submission, under the same caps, windows and promises; stops and promises nothing.

    `carry` may be anything a policy left: slots of this kernel are used, the rest is ignored.
    """
    from shanyrak.policy.pack import pack

    return pack(view, Stages(), params, carry, new_promises=False)
