"""Weighted: the formula, by hand and over fractions."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3_600_000
DAY = 24 * HOUR


def test_the_worked_example(bench: Any) -> None:
    """That of the plugin's page."""
    b = bench()
    b.account(0)
    b.account(1, 0, used=30 * DAY)
    b.account(2, 0, used=10 * DAY)
    b.job(10, 1, width=8, units=8, ago=3 * DAY + DAY // 2)
    b.job(11, 2, width=2, units=8, ago=DAY)
    b.job(12, 1, units=1, class_=1)
    assert b.order("weighted").keys == {
        10: (-(500 + 1000 + 5000),),
        11: (-(142 + 250 + 10_000),),
        12: (-(15 + 1000 + 5000),),
    }


settings = st.fixed_dictionaries(
    {
        "weight_age": st.integers(0, 10**6), "weight_fair_share": st.integers(0, 10**6),
        "weight_size": st.integers(0, 10**6), "weight_class": st.integers(0, 10**6),
        "max_age_days": st.integers(1, 60), "favor_small": st.sampled_from(["yes", "no"]),
    }
)  # fmt: skip
jobs = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 8), st.integers(1, 8), st.integers(0, 90 * DAY), st.integers(0, 5)),
    min_size=1, max_size=8,
)  # fmt: skip


@given(settings, jobs, st.lists(st.integers(0, 10**9), min_size=4, max_size=4))
def test_the_priority_is_the_sum_of_weighted_factors(
    bench: Any, told: dict[str, Any], jobs: list[tuple[int, ...]], used: list[int]
) -> None:
    b = bench()
    b.account(0)
    for project, use in enumerate(used):
        b.account(1 + project, 0, used=use)
    for i, (project, width, units, ago, class_) in enumerate(jobs):
        b.job(100 + i, 1 + project, width=width, units=units, ago=ago, class_=class_)
    keys = b.order("weighted", **told).keys
    for i, (project, width, units, ago, class_) in enumerate(jobs):
        age = min(1, ago / (told["max_age_days"] * DAY))
        size = width * units / 64
        share = sum(use >= used[project] for use in used) / 4
        factors = {
            "age": age,
            "fair_share": share,
            "size": 1 - size if told["favor_small"] == "yes" else size,
            "class": class_,
        }
        exact = math.fsum(told[f"weight_{name}"] * factor for name, factor in factors.items())
        assert -4 - 1e6 / DAY * 1000 <= -keys[100 + i][0] - exact <= 1e-6


def test_work_of_a_sector_itself_goes_as_that_of_an_unused_project(bench: Any) -> None:
    b = bench()
    b.account(0)
    b.account(1, 0, used=HOUR)
    b.job(10, 0)
    b.job(11, 1)
    keys = b.order("weighted", weight_age=0, weight_size=0).keys
    assert keys == {10: (-10_000,), 11: (-10_000,)}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"weight_age": -1}, "weight_age must be a whole number from 0 to 4294967295, not -1"),
        ({"weight_size": "much"}, "weight_size must be a whole number from 0 to 4294967295, not 'much'"),
        ({"weight_class": True}, "weight_class must be a whole number from 0 to 4294967295, not True"),
        ({"max_age_days": 0}, "max_age_days must be a whole number from 1 to 3650, not 0"),
        ({"favor_small": "maybe"}, "favor_small must be one of no, yes, not 'maybe'"),
        ({"depth": -1}, "depth must be a whole number from 0 to 100000, not -1"),
        ({"half_life": 0}, "half_life must be a whole number from 1 to"),
    ],
)
def test_a_wrong_setting_is_refused_in_words(bench: Any, told: dict[str, Any], words: str) -> None:
    b = bench()
    b.account(0)
    with pytest.raises(ValueError) as error:
        b.stages("weighted", **told)
    assert words in str(error.value)
