"""Past use that fades with a half-life: exponential decay in closed form, the same to the last bit everywhere.

    use(now) = settled x 2^-((now - settled_at) / h)  +  for all that runs, units x (h / ln 2) x (1 - 2^-((now - start) / h))

The second term is the integral of units x 2^-((now - t) / h) over the time it ran. Nothing is added up step by step, so it is
exact at any instant. Results take only +, -, x, / and comparison of doubles, and tables that whole-number arithmetic makes: no
`exp` or `pow`, whose last bits differ between libraries. These are plain functions of scalars; the policy room
compiles the very same ones. Times and durations are whole ms from 0 to 2^62, a half-life is above 0, use is in unit-ms.
"""

from __future__ import annotations

from math import isqrt

MOST = (1 << 62) - 1
"""The most use that is kept: what goes beyond it stays here, and the sum of two still fits into 64 bits."""

_LN_2 = 0.6931471805599453
_FINE = 64


def _roots() -> tuple[float, ...]:
    """2^-(k / 64) for k from 0 to 63, correctly rounded: each the geometric mean of its neighbours, to 200 bits."""
    one, step = 1 << 200, _FINE // 2
    power = [one] * _FINE + [one >> 1]
    while step:
        for k in range(step, _FINE, 2 * step):
            power[k] = isqrt(power[k - step] * power[k + step])
        step //= 2
    return tuple(value / one for value in power[:_FINE])


_ROOTS = _roots()
_HALVES = tuple(1.0 / (1 << n) for n in range(32))
_HALVES_OF_32 = tuple(1.0 / (1 << 32 * n) for n in range(32))


def series(r: float) -> float:
    """2^-r - 1 for 0 <= r <= 1/64: its series (-r ln 2)^n / n!, of which the first term left out is below 2^-57."""
    return r * (-_LN_2 + r * (0.2402265069591007 + r * (-0.05550410866482158 + r * (
        0.009618129107628477 + r * (-0.0013333558146428443 + r * 0.0001540353039338161)))))  # fmt: skip


def halved(x: float) -> float:
    """2^-x within 2 units in the last place; 0 from x = 1022 on, where doubles thin out, and 1 for x <= 0."""
    if not x > 0.0:
        return 1.0
    if x >= 1022.0:
        return 0.0
    whole = int(x)
    part = (x - whole) * 64.0
    k = int(part)
    root = _ROOTS[k]
    return (root + root * series((part - k) * 0.015625)) * _HALVES[whole & 31] * _HALVES_OF_32[whole >> 5]


def used(units: int, ran_ms: int, half_life: int) -> float:
    """What `units` that ran for `ran_ms` until now count, in unit-ms; 0 for what has not begun."""
    h = float(half_life)
    x = float(ran_ms) / h
    # 1 - 2^-x of a small x would lose the digits that short work needs.
    gone = 1.0 - halved(x) if x > 0.015625 else -series(max(x, 0.0))
    return float(units) * (h / _LN_2) * gone


def whole(use: float) -> int:
    """Rounded to whole unit-ms, at most `MOST`."""
    return MOST if use >= 4611686018427387904.0 else int(use + 0.5)


def decayed(use: float, since: int, now: int, half_life: int) -> int:
    """What use at `since` counts at `now`, in whole unit-ms; no less than at `since` if that is later."""
    return whole(use * halved(float(now - since) / float(half_life)))


def settle(settled: int, settled_at: int, units: int, start: int, end: int, half_life: int) -> tuple[int, int]:
    """`settled` unit-ms, decayed to `settled_at`, with an attempt that ran from `start` to `end`: the new pair.

    Ends may come in any order: whichever is later, `settled_at` or `end`, is the new time, and both terms are decayed to it and
    rounded to whole unit-ms, so that sums do not depend on the platform. Each call is off by 1 unit-ms at most.
    """
    at = max(settled_at, end)
    old = decayed(float(settled), settled_at, at, half_life)
    new = decayed(used(units, end - start, half_life), end, at, half_life)
    return min(old + new, MOST), at


ROUTINES = (series, halved, used, whole, decayed, settle)
"""All of them, callees first: what a compiler has to be shown."""
