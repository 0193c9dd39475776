"""Fair Tree against a naive, recursive one over fractions, and what must not change its order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

HOUR = 3_600_000
DAY = 24 * HOUR


class Account(NamedTuple):
    parent: int
    weight: int
    used: int


@st.composite
def trees(draw: st.DrawFn) -> list[Account]:
    """Sectors, then projects, then here and there users of a project."""
    sectors, projects, users = draw(st.integers(1, 4)), draw(st.integers(1, 8)), draw(st.integers(0, 3))
    use = st.one_of(st.just(0), st.integers(1, 10**12))
    weight = st.integers(1, 20)
    tree = [Account(-1, draw(weight), 0) for _ in range(sectors)]
    tree += [Account(draw(st.integers(0, sectors - 1)), draw(weight), draw(use)) for _ in range(projects)]
    above = st.integers(sectors, sectors + projects - 1)
    return tree + [Account(draw(above), draw(weight), draw(use)) for _ in range(users)]


def children(tree: list[Account], above: int) -> list[int]:
    return [a for a, account in enumerate(tree) if account.parent == above]


def total(tree: list[Account], a: int) -> int:
    return tree[a].used + sum(total(tree, child) for child in children(tree, a))


def level_fair_share(tree: list[Account], a: int) -> Fraction | float:
    """S / U among siblings, as Slurm's page defines it; without end for no use."""
    siblings = children(tree, tree[a].parent)
    use = Fraction(total(tree, a))
    if not use:
        return math.inf
    shares = Fraction(tree[a].weight, sum(tree[s].weight for s in siblings))
    return shares / (use / sum(total(tree, s) for s in siblings))


def ranked(tree: list[Account], siblings: list[int]) -> Iterator[list[int]]:
    """Projects in order, those that tie together: sort the siblings, merge those that tie, go down."""
    by_share: dict[Fraction | float, list[int]] = {}
    for a in siblings:
        by_share.setdefault(level_fair_share(tree, a), []).append(a)
    for share in sorted(by_share, reverse=True):
        leaves = [a for a in by_share[share] if not children(tree, a)]
        below = [child for a in by_share[share] for child in children(tree, a)]
        # What ties with use is left out: there this one compares the children without merging.
        assume(share == math.inf or len(by_share[share]) == 1)
        if share == math.inf:
            yield leaves + [leaf for group in ranked(tree, below) for leaf in group]
            continue
        if leaves:
            yield leaves
        yield from ranked(tree, below)


@given(trees(), st.data())
def test_the_order_is_that_of_the_recursive_definition(bench: Any, tree: list[Account], data: st.DataObject) -> None:
    b = bench()
    for a, account in enumerate(tree):
        b.account(a, account.parent, account.weight, used=account.used)
    leaves = [a for a in range(len(tree)) if not children(tree, a)]
    some = data.draw(st.lists(st.sampled_from(leaves), min_size=1, unique=True))
    for a in some:
        b.job(1000 + a, a)
    expected = [[a for a in group if a in some] for group in ranked(tree, children(tree, -1))]
    keys = b.order("fairshare").keys
    found: dict[tuple[int, ...], list[int]] = {}
    for a in some:
        found.setdefault(keys[1000 + a], []).append(a)
    assert [sorted(found[key]) for key in sorted(found)] == [sorted(group) for group in expected if group]


def test_use_fades_and_what_runs_counts_in_closed_form(bench: Any) -> None:
    from shanyrak_policies.fair_tree import uses

    b = bench()
    b.account(0)
    b.account(1, 0, used=8 * DAY, since=b.now - 14 * DAY)
    b.account(2, 0)
    b.run(2, [0, 1], units=3, ran=2 * DAY)
    b.run(2, [2], units=1, ran=0)
    b.run(0, [3], units=2, ran=HOUR)
    use = list(uses(b.mirror.board, b.now, 7 * DAY, np.ones(3, np.int64)))

    def ran(units: int, time: int) -> float:
        return units * 7 * DAY / math.log(2) * (1 - 2 ** (-time / (7 * DAY)))

    assert use[1:] == [2 * DAY, round(ran(6, 2 * DAY))]
    assert use[0] == use[1] + use[2] + round(ran(2, HOUR)), "an account has used what its children have, too"


def test_the_one_that_used_least_of_its_share_goes_first(bench: Any) -> None:
    b = bench()
    for sector in range(2):
        b.account(sector, weight=1)
    b.account(2, 0, weight=3, used=30 * HOUR)
    b.account(3, 0, weight=1, used=10 * HOUR)
    b.account(4, 0, weight=1, used=11 * HOUR)
    b.account(5, 1, weight=1, used=52 * HOUR)
    for job, account in ((10, 5), (11, 4), (12, 3), (13, 2)):
        b.job(job, account)
    keys = b.order("fairshare").keys
    assert keys[12] == keys[13], "3 of 4 parts and 30 hours, 1 part and 10 hours: the same"
    assert keys[12] < keys[11]
    assert keys[11] < keys[10], "all of the sector that used 51 hours go before those of the one that used 52"


def test_what_nobody_has_used_ties(bench: Any) -> None:
    b = bench()
    for a, parent in enumerate((-1, -1, 0, 0, 1)):
        b.account(a, parent, weight=1 + a)
    for job, account in ((10, 2), (11, 3), (12, 4)):
        b.job(job, account)
    assert set(b.order("fairshare").keys.values()) == {(0, 0)}


def test_without_a_share_it_goes_last(bench: Any) -> None:
    b = bench()
    b.account(0, weight=0)
    b.account(1, weight=1, used=10**15)
    b.job(10, 0)
    b.job(11, 1)
    assert b.order("fairshare").queue(10, 11) == [11, 10]


@given(trees(), st.integers(0, 10**12), st.randoms())
def test_numbering_and_the_calendar_change_nothing(bench: Any, tree: list[Account], shift: int, rng: Any) -> None:
    level: dict[int, int] = {-1: 0}
    for a, account in enumerate(tree):
        level[a] = level[account.parent] + 1
    others = sorted(range(len(tree)), key=lambda a: (level[a], rng.random()))
    renamed = {old: new for new, old in enumerate(others)} | {-1: -1}
    jobs = [(100 + i, rng.randrange(len(tree)), rng.randrange(DAY)) for i in range(12)]
    ids = rng.sample(range(100, 200), len(jobs))

    def made(moved: bool) -> list[tuple[int, ...]]:
        b = bench(now=100 * DAY + (shift if moved else 0))
        for a in others if moved else range(len(tree)):
            account = tree[a]
            index, parent = (renamed[a], renamed[account.parent]) if moved else (a, account.parent)
            b.account(index, parent, account.weight, used=account.used, since=b.now - account.used % DAY)
        for i, (job, a, ago) in enumerate(jobs):
            b.job(ids[i] if moved else job, renamed[a] if moved else a, ago=ago)
        for i, a in enumerate(a for _, a, _ in jobs):
            b.run(renamed[a] if moved else a, [i % 8], ran=jobs[i][2])
        keys = b.order("fairshare").keys
        return [keys[ids[i] if moved else job] for i, (job, _, _) in enumerate(jobs)]

    assert made(False) == made(True)


@given(st.lists(st.integers(0, 1 << 62), min_size=2, max_size=6), st.integers(1, 1 << 50))
def test_use_of_any_size_has_keys_of_64_bits(bench: Any, used: list[int], half_life: int) -> None:
    b = bench(now=1 << 61)
    b.account(0)
    for a, use in enumerate(used):
        b.account(a + 1, 0, weight=1 + a % 3 * 999_999, used=use)
        b.job(10 + a, a + 1)
        b.run(a + 1, list(range(8)), units=1 << 40, ran=1 << 60)
    keys = b.order("fairshare", half_life=half_life).keys
    assert all(0 <= key <= 1 << 62 for row in keys.values() for key in row)


def test_more_levels_than_keys_are_refused_in_words(bench: Any) -> None:
    b = bench()
    for a in range(4):
        b.account(a, a - 1)
    assert b.stages("fairshare").levels == 4
    with pytest.raises(ValueError, match="accounts have 4 levels, and this policy orders by 3 of them at most"):
        b.stages("lanes")
