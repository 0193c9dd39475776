"""Lanes and public-first: who may claim, who is guarded, who is stopped first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.api import FAR

HOUR = 3_600_000
FLOORS = (16, 8, 0)
"""Sectors 0, 1, 2; each has the projects 3 + sector and 6 + sector."""


def site(bench: Any, caps: tuple[int, ...] = (-1, -1, -1)) -> Any:
    """Four nodes of 8 units."""
    b = bench(nodes=4)
    for sector in range(3):
        b.account(sector, floor=FLOORS[sector], cap=caps[sector])
    for project in range(3, 9):
        b.account(project, project % 3, used=project * HOUR)
    return b


def test_work_within_the_floor_goes_first_claims_and_is_guarded(bench: Any) -> None:
    b = site(bench)
    b.run(5, [0, 1, 2, 3], units=8)
    b.job(10, 5)
    b.job(11, 3, width=1, units=8)
    b.job(12, 3, width=2, units=8)
    b.job(13, 6, width=1, units=8)
    out = b.order("lanes")
    assert out.claim == out.guard == {10: 0, 11: 1, 12: 0, 13: 1}, "11 and 13 fill the floor, 12 would be too much"
    assert [out.keys[job][0] for job in (10, 11, 12, 13)] == [1, 0, 1, 0]


def test_the_floor_counts_what_its_sector_has_in_use(bench: Any) -> None:
    b = site(bench)
    b.run(3, [0], units=8)
    b.run(6, [1], units=1)
    b.job(10, 3, units=8)
    b.job(11, 6, units=7)
    out = b.order("lanes")
    assert out.claim == {10: 0, 11: 1}


def test_what_others_are_being_stopped_for_keeps_its_claim(bench: Any) -> None:
    b = site(bench)
    b.run(5, [0, 1], units=8, stop=12)
    b.job(11, 4, units=8)
    b.job(12, 7, units=8)
    assert b.order("fairshare").queue(11, 12) == [11, 12], "11 would go first"
    assert b.order("lanes").claim == {11: 0, 12: 1}


def test_a_promise_keeps_its_claim_too(bench: Any) -> None:
    b = site(bench)
    b.job(11, 4, units=8)
    b.job(12, 7, units=8)
    b.mirror.promise(12, b.now + HOUR)
    assert b.order("lanes").claim == {11: 0, 12: 1}


def test_what_cannot_run_takes_no_room_on_the_floor(bench: Any) -> None:
    b = site(bench, caps=(12, -1, -1))
    b.job(10, 3, units=8, block=1)
    b.job(11, 3, units=8, tasks=2, room=0)
    b.job(12, 3, width=5, units=1)
    b.job(13, 3, units=9)
    b.job(14, 3, width=2, units=8)
    b.mirror.left(6, 0, 8 * 3600 - 1)
    b.job(15, 6, units=8)
    b.job(16, 6, units=1)
    b.job(17, 3, units=12 - 8)
    out = b.order("lanes")
    assert {job for job, claim in out.claim.items() if claim} == {16, 17}


def test_of_an_array_that_fits_in_part_only_so_much_starts(bench: Any) -> None:
    b = site(bench)
    b.job(10, 3, units=4, tasks=3)
    b.job(11, 4, units=4, tasks=3)
    b.job(12, 7, units=4, tasks=9, room=1)
    out = b.order("lanes")
    assert out.claim == out.guard == {10: 1, 11: 1, 12: 0}
    assert out.most == {10: 0, 11: 2, 12: 0}, "all of 12 units, two tasks of the 8 units, nothing is left for the third"


def test_what_others_are_stopped_for_stays_guarded_when_its_sector_has_borrowed_meanwhile(bench: Any) -> None:
    b = site(bench)
    b.run(5, [0], units=8, stop=10)
    b.run(4, [1], units=4, guard=0)
    b.job(10, 4, units=8)
    assert (b.order("lanes").claim, b.order("lanes").guard) == ({10: 1}, {10: 1})
    b.run(4, [2], units=4, guard=1)
    assert b.order("lanes").claim == {10: 0}, "4 units of the floor are guarded: 8 more would be too much"


def test_the_youngest_on_lent_units_is_stopped_first(bench: Any) -> None:
    b = site(bench)
    oldest = b.run(3, [0], units=8, ran=3 * HOUR)
    other = b.run(5, [3], units=1, ran=5 * HOUR)
    middle = b.run(6, [1], units=8, ran=2 * HOUR)
    youngest = b.run(6, [2], units=8, ran=HOUR)
    cost = b.order("lanes").cost
    assert cost[other] < cost[youngest] < FAR, "24 units in use, a floor of 16: 8 are lent; of these, who loses least"
    assert cost[middle] == cost[oldest] == FAR, "what the floor needs is not stopped"
    b.run(3, [3], units=2, stop=99)
    assert b.order("lanes").cost[youngest] == cost[youngest], "what is being stopped is not lent any more"


work = st.lists(
    st.tuples(st.integers(3, 8), st.integers(1, 4), st.integers(1, 8), st.integers(1, 3), st.integers(0, 2)),
    max_size=14,
)
running = st.lists(st.tuples(st.integers(3, 8), st.integers(0, 3), st.integers(1, 2), st.integers(0, 2)), max_size=12)


@given(work, running, st.booleans())
def test_claims_fill_the_floors_in_order_and_no_further(
    bench: Any, work: list[tuple[int, ...]], running: list[tuple[int, ...]], public: bool
) -> None:
    policy, level, least = ("public_first", 2, 1) if public else ("lanes", 1, 0)
    b = site(bench)
    for account, node, units, guard in running:
        b.run(account, [node], units=units, guard=guard)
    for i, (account, width, units, tasks, class_) in enumerate(work):
        b.job(100 + i, account, width=width, units=units, tasks=tasks, class_=class_)
    out, plain = b.order(policy), b.order("fairshare").keys
    room = [floor - sum(u for a, _, u, _ in running if a % 3 == s) for s, floor in enumerate(FLOORS)]
    order = sorted(range(len(work)), key=lambda i: ((-work[i][4], *plain[100 + i]) if public else plain[100 + i], i))
    for i in order:
        account, width, units, tasks, class_ = work[i]
        fit = min(tasks, max(0, room[account % 3]) // (width * units)) if class_ >= least and FLOORS[account % 3] else 0
        room[account % 3] -= fit * width * units
        assert (out.claim[100 + i] == level) == (fit > 0)
        assert (out.guard[100 + i] == level) == (fit > 0)
        assert out.most[100 + i] == (fit if fit < tasks else 0)


@given(running)
def test_stopping_what_runs_on_lent_units_leaves_every_floor_filled(bench: Any, running: list[tuple[int, ...]]) -> None:
    b = site(bench)
    ids = {
        b.run(a, [node], units=units, ran=i % 5 * HOUR): (a % 3, units) for i, (a, node, units, _) in enumerate(running)
    }
    cost = b.order("lanes").cost
    lent = {run for run in ids if cost[run] < FAR}
    for sector, floor in enumerate(FLOORS):
        use = sum(units for s, units in ids.values() if s == sector)
        left = use - sum(units for run, (s, units) in ids.items() if s == sector and run in lent)
        assert left >= min(use, floor)
        assert all(left - ids[run][1] < floor for run in ids.keys() - lent if ids[run][0] == sector), "no more could go"


def test_public_first_prefers_lower_guards_then_lent_units_then_less_loss(bench: Any) -> None:
    b = site(bench)
    runs = [
        b.run(5, [0], units=8, ran=9 * HOUR), b.run(3, [1], units=8), b.run(3, [2], units=8, ran=2 * HOUR),
        b.run(5, [3], guard=1), b.run(5, [3], guard=2),
    ]  # fmt: skip
    cost = b.order("public_first").cost
    assert sorted(cost, key=cost.__getitem__) == runs


def test_services_go_first_and_claim_up_to_their_cap(bench: Any) -> None:
    b = site(bench, caps=(24, -1, -1))
    b.run(3, [0], units=8, guard=1)
    b.job(10, 3, width=1, units=8, class_=1)
    b.job(11, 3, width=1, units=8, class_=1)
    b.job(12, 5, units=1, class_=1)
    b.job(13, 3, units=1)
    b.job(14, 4, units=1)
    out = b.order("public_first")
    assert out.claim == {10: 2, 11: 1, 12: 0, 13: 0, 14: 0}
    assert out.guard == {10: 2, 11: 1, 12: 1, 13: 0, 14: 0}
    assert out.keys[12][0] < out.keys[13][0], "a service without a floor or cap goes first and claims nothing"


def test_the_lowest_class_that_claims_is_a_setting(bench: Any) -> None:
    b = site(bench)
    b.job(10, 3)
    b.job(11, 3, class_=1)
    b.job(12, 3, class_=2)
    assert b.order("public_first", claims_from=2).claim == {10: 0, 11: 0, 12: 2}
    assert b.order("public_first", claims_from=0).claim == {10: 2, 11: 2, 12: 2}
    assert b.order("public_first", promise_classes=0b1100).claim == {10: 0, 11: 0, 12: 2}, (
        "by default, who is always promised"
    )
    with pytest.raises(ValueError, match="claims_from must be a whole number from 0 to 63, not 64"):
        b.stages("public_first", claims_from=64)
