"""Counters: repeats, gaps and resets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from shanyrak.model.counters import Growth, grown

POINTS = [(0, 100), (10, 200), (20, 300), (30, 400)]
points = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 1000)), max_size=8)


def test_what_it_gained_in_a_stretch() -> None:
    assert grown(POINTS, 0, 30, 10) == Growth(300, 30)
    assert grown(POINTS, 5, 25, 10) == Growth(200, 20), "steps count by their part within"
    assert grown(POINTS, 40, 50, 10) == Growth(0, 0)


def test_a_repeat_counts_once() -> None:
    assert grown([*POINTS, (10, 200), (10, 200)], 0, 30, 10) == Growth(300, 30)


def test_a_gap_is_neither_counted_nor_covered() -> None:
    assert grown([(0, 100), (10, 200), (30, 900)], 0, 30, 10) == Growth(100, 10)


def test_after_a_reset_it_began_at_zero() -> None:
    assert grown([(0, 100), (10, 200), (20, 50), (30, 60)], 0, 30, 10) == Growth(160, 30)


def test_less_than_two_readings_say_nothing() -> None:
    assert grown([], 0, 30, 10) == grown([(10, 5)], 0, 30, 10) == Growth(0, 0)


@given(points, st.randoms(use_true_random=False))
def test_never_below_zero_never_covering_more_than_asked_in_any_order(
    one: list[tuple[int, int]], random: object
) -> None:
    found = grown(one, 10, 40, 7)
    assert found.amount >= 0 and 0 <= found.covered_ms <= 30
    shuffled = list(one)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grown(shuffled + one, 10, 40, 7) == found
