"""Decay: the closed form against its definition, order, huge numbers, and compiled against interpreted."""

from __future__ import annotations

import math
import random
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model import decay
from shanyrak.model.decay import MOST, decayed, halved, settle, used

HOUR = 3_600_000
DAY = 24 * HOUR
HUGE = 1 << 62
times = st.integers(0, HUGE)


@given(st.floats(0, 1021.9))
def test_halved_is_a_power_of_two_within_two_units_in_the_last_place(x: float) -> None:
    with localcontext() as context:
        context.prec = 40
        exact = Decimal(2) ** -Decimal(x)
        assert abs(Decimal(halved(x)) - exact) <= 2 * Decimal(math.ulp(float(exact)))


def test_halved_is_exact_where_powers_of_two_are() -> None:
    assert [halved(float(n)) for n in range(1022)] == [2.0**-n for n in range(1022)]
    assert halved(0.5) == math.sqrt(0.5)
    assert (halved(-3.0), halved(1022.0), halved(1e300), halved(math.inf)) == (1.0, 0.0, 0.0, 0.0)


@given(st.floats(0, 0.015625))
def test_the_series_keeps_its_digits_however_small_the_argument(x: float) -> None:
    assert -decay.series(x) == pytest.approx(-math.expm1(-x * math.log(2)), rel=1e-15)


@given(st.integers(0, 40 * DAY), st.integers(1, 30 * DAY), st.integers(0, 512))
def test_used_is_the_integral_of_what_has_faded_since(ran: int, half_life: int, units: int) -> None:
    """Simpson's rule over 2,000 steps, each at most a twentieth of the half-life."""
    step, parts = ran / 2000, 2000
    fades = [math.exp2(-(ran - i * step) / half_life) for i in range(parts + 1)]
    area = units * step / 3 * (fades[0] + fades[-1] + 4 * sum(fades[1:-1:2]) + 2 * sum(fades[2:-1:2]))
    if ran <= 100 * half_life:
        assert used(units, ran, half_life) == pytest.approx(area, rel=1e-6, abs=1e-6)
    assert used(units, ran, half_life) <= units * ran * (1 + 1e-15)


def test_used_of_short_work_under_a_long_half_life_is_units_by_time() -> None:
    assert used(8, 1, 100_000 * DAY) == pytest.approx(8, rel=1e-9)
    assert (used(8, 0, DAY), used(8, -HOUR, DAY), used(0, HOUR, DAY)) == (0.0, 0.0, 0.0)
    assert used(1, 1000 * DAY, DAY) == pytest.approx(DAY / math.log(2)), "all that work without end can ever count"


@given(st.integers(0, HUGE - 1), st.integers(1, 1 << 50))
def test_time_only_adds_to_what_runs_and_takes_from_what_ended(ran: int, half_life: int) -> None:
    assert used(8, ran, half_life) <= used(8, ran + 1, half_life)
    assert halved(ran / half_life) >= halved((ran + 1) / half_life)
    assert decayed(1e15, 0, ran, half_life) >= decayed(1e15, 0, ran + 1, half_life)


ends = st.lists(
    st.tuples(st.integers(1, 512), st.integers(0, 60 * DAY), st.integers(0, 30 * DAY)), min_size=1, max_size=12
)


@given(ends, st.integers(1, 30 * DAY), st.randoms())
def test_ends_may_be_settled_in_any_order(ends: list[tuple[int, int, int]], half_life: int, rng: random.Random) -> None:
    def settled(order: list[tuple[int, int, int]]) -> tuple[int, int]:
        use, at = 0, 0
        for units, start, ran in order:
            use, at = settle(use, at, units, start, start + ran, half_life)
        return use, at

    shuffled = rng.sample(ends, len(ends))
    (one, at), (other, also) = settled(ends), settled(shuffled)
    assert at == also == max(start + ran for _, start, ran in ends)
    assert abs(one - other) <= 2 * len(ends) + 1e-12 * one
    exact = sum(used(units, ran, half_life) * 2.0 ** (-(at - start - ran) / half_life) for units, start, ran in ends)
    assert abs(one - exact) <= len(ends) + 1e-12 * exact


@given(st.integers(1, 512), st.integers(0, 30 * DAY), st.integers(0, 30 * DAY), st.integers(1, 30 * DAY))
def test_settling_at_the_end_goes_on_where_running_stopped(units: int, start: int, ran: int, half_life: int) -> None:
    now = start + ran
    use, at = settle(0, 0, units, start, now, half_life)
    assert at == now
    assert abs(use - used(units, ran, half_life)) <= 0.5


@given(st.integers(0, MOST), times, st.integers(0, HUGE), times, times, st.integers(1, HUGE))
def test_numbers_of_any_size_stay_in_64_bits(
    settled: int, settled_at: int, units: int, one: int, other: int, half_life: int
) -> None:
    start, end = sorted((one, other))
    use, at = settle(settled, settled_at, units, start, end, half_life)
    assert 0 <= use <= MOST
    assert at == max(settled_at, end)


def test_the_most_use_is_kept_and_no_more() -> None:
    assert settle(HUGE, 5, HUGE, 0, 5, 1) == (MOST, 5)
    assert settle(MOST, 0, 0, 0, HUGE, 1) == (0, HUGE)
    assert settle(0, 0, 0, 0, 0, 1) == (0, 0)


def arguments() -> list[tuple[int, int, int, int, int, int]]:
    rng = random.Random(3)

    def any_size(top: int) -> int:
        return rng.randrange(1 << rng.randint(1, top))

    return [
        (any_size(62), any_size(62), any_size(62), start, start + any_size(61), 1 + any_size(62))
        if rng.random() < 0.2
        else (any_size(50), any_size(42), rng.randint(1, 512), start, start + any_size(33), 1 + any_size(36))
        for start in (any_size(42) for _ in range(100_000))
    ]


def test_compiled_equals_interpreted_to_the_last_bit() -> None:
    numba = pytest.importorskip("numba", reason="numba is not installed: nothing to compare")
    from numba.extending import register_jitable

    for routine in decay.ROUTINES:
        register_jitable(routine)
    many = numba.njit(decay.settle), numba.njit(decay.used), numba.njit(decay.halved)
    for settled, settled_at, units, start, end, half_life in arguments():
        assert many[0](settled, settled_at, units, start, end, half_life) == settle(
            settled, settled_at, units, start, end, half_life
        )
        assert many[1](units, end - start, half_life) == used(units, end - start, half_life)
        x = (end - start) / half_life
        assert many[2](x) == halved(x)
