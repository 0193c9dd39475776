"""What every policy is told beside the view, as commons.toml says it."""

from __future__ import annotations

from shanyrak.config.commons import Commons
from shanyrak.config.fields import units_of


def params(commons: Commons) -> dict[str, int | str]:
    """`[policy.settings]` as they are, and the core's own (`commons.PARAMS`): ms, units, bit masks by number of class.

    Every class in `promise_classes` gets a promise for each of its reservations, one in `promise_never` for none, the others
    for work of at least `promise_units` in all: `large`, which as a share is of the smallest pool, so that what is large in
    any pool is.
    """
    policy = commons.policy
    return {
        **policy.settings,
        "margin": policy.margin,
        "depth": policy.depth,
        "half_life": commons.accounts.half_life,
        "promise_classes": _mask(commons, "always"),
        "promise_never": _mask(commons, "never"),
        "promise_units": _large(commons),
    }


def _large(commons: Commons) -> int:
    share = commons.policy.large
    if isinstance(share, int):
        return share
    if share == "0%":
        return 0
    return max(1, min(units_of(share, pool.total) for pool in commons.pools))


def _mask(commons: Commons, promise: str) -> int:
    return sum(1 << number for number, kind in enumerate(commons.classes.values()) if kind.promise == promise)
