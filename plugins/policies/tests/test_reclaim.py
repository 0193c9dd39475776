"""Stops through the kernel: floors are got back, services take what their cap allows, and no chain of stops is long."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shanyrak.api import MANY, Arrivals, Log, Mirror, as_decide, replay

MINUTE = 60_000
HOUR = 60 * MINUTE
WEEK = 7 * 24 * HOUR
GRACE = 1000
"""How long what is stopped goes on."""


def machine(floors: dict[int, int], caps: dict[int, int], sectors: int = 3, nodes: int = 4) -> Mirror:
    """Nodes of 8 units; sectors 0, 1, 2 with one project each: 3, 4, 5."""
    mirror = Mirror(half_life=WEEK)
    mirror.pool(0, 0)
    for node in range(nodes):
        mirror.node(node, 0, 8, True)
    for sector in range(sectors):
        mirror.account(sector, floor=floors.get(sector, 0), cap=caps.get(sector, -1))
    for sector in range(sectors):
        mirror.account(sectors + sector, sector)
        mirror.left(sectors + sector, 0, MANY)
    return mirror


def work(*rows: tuple[int, int, int, int, int, int, int]) -> Arrivals:
    """(at, job, account, width, units, runtime in minutes, class); the walltime is the runtime."""
    at, job, account, width, units, minutes, class_ = np.array(rows, np.int64).reshape(-1, 7).T.copy()
    return Arrivals(
        at, job, account, np.zeros_like(at), width, units, minutes * MINUTE, minutes * MINUTE, class_=class_
    )


def run(policy: str, mirror: Mirror, arrivals: Arrivals, **params: int | str) -> Log:
    stages = import_module(f"shanyrak_policies.{policy}").stages
    told = {"margin": 0, "depth": 1, "half_life": WEEK, "promises": 0, **params}
    return replay(mirror, as_decide(stages), told, 0, arrivals)


def rows(log: Log) -> list[tuple[int, int, int, int]]:
    """(job, start, end, stopped for) in order of time."""
    columns = (log.job, log.at, log.end, log.stopped_for)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_the_lanes_of_the_page(bench: Any) -> None:
    """Public has a floor of 16; business uses all 32 units; three works of 8 come from the public."""
    business = [(0, 10 + i, 4, 1, 8, 600, 0) for i in range(4)]
    public = [(30 * MINUTE, 20 + i, 3, 1, 8, 60, 0) for i in range(3)]
    log = run("lanes", machine({0: 16}, {}), work(*business, *public))
    stopped = {job: by for job, at, end, by in rows(log) if by}
    assert sorted(stopped.values()) == [20, 21], "two fit the floor"
    first = {job: at for job, at, _, _ in rows(log) if job >= 20}
    assert first[20] == first[21] == 30 * MINUTE + GRACE
    assert first[22] >= 90 * MINUTE, "the third has no claim: it waits until the first two are done"
    again = [job for job, at, _, _ in rows(log) if job in stopped and at > 30 * MINUTE]
    assert sorted(again) == sorted(stopped), "who was stopped starts again"


def test_the_services_of_the_page() -> None:
    """Public has a floor of 8 and a cap of 16; batch work of startups runs on all 32 units."""
    batch = [(0, 10 + i, 4, 1, 8, 600, 0) for i in range(4)]
    services = [(30 * MINUTE, 20 + i, 3, 1, 8, 60, 1) for i in range(3)] + [(30 * MINUTE, 30, 5, 1, 1, 60, 1)]
    log = run("public_first", machine({0: 8}, {0: 16}), work(*batch, *services))
    by = sorted(by for _, _, _, by in rows(log) if by)
    assert by == [20, 21], "the third waits for its sector's cap, the startup's service stops nobody"
    first = {job: at for job, at, _, _ in rows(log) if job >= 20}
    assert first[20] == first[21] == 30 * MINUTE + GRACE
    assert min(first[22], first[30]) >= 90 * MINUTE


def test_a_safe_point_is_waited_for() -> None:
    """What started at 20 min may not be stopped for 30 min; then it is."""
    mirror = machine({0: 32}, {})
    for node in range(4):
        mirror.adopt(1 + node, 90 + node, 4, 8, [node], 0, 600 * MINUTE, 0, 0, 50 * MINUTE if node else 40 * MINUTE)
    log = run(
        "lanes",
        mirror,
        work((30 * MINUTE, 20, 3, 1, 8, 60, 0), (41 * MINUTE, 21, 3, 1, 8, 60, 0), (55 * MINUTE, 22, 3, 1, 8, 9, 0)),
    )
    first = {job: at for job, at, _, _ in rows(log)}
    assert first[20] == 41 * MINUTE + GRACE, "nothing looked again before"
    assert first[21] == 55 * MINUTE + GRACE


works = st.lists(
    st.tuples(
        st.integers(0, 120), st.integers(3, 5), st.integers(1, 2), st.integers(1, 8), st.integers(1, 120), st.integers(0, 2)
    ),
    min_size=1, max_size=25,
)  # fmt: skip


@given(works, st.sampled_from([("lanes", 1), ("public_first", 2)]), st.booleans())
def test_chains_of_stops_are_no_longer_than_the_levels(
    drawn: list[tuple[int, ...]], policy: tuple[str, int], promises: bool
) -> None:
    name, levels = policy
    jobs = sorted((at * MINUTE, *rest) for at, *rest in drawn)
    arrivals = work(*((job[0], 10 + i, *job[1:]) for i, job in enumerate(jobs)))
    log = rows(run(name, machine({0: 16, 1: 8}, {0: 24}), arrivals, promises=int(promises)))
    assert {job for job, _, _, by in log if not by} == {10 + i for i in range(len(jobs))}, "all work ends"

    def chain(i: int) -> int:
        """Stops one behind the other, from start i on."""
        _, _, end, by = log[i]
        return 1 + chain(next(k for k in range(len(log)) if log[k][0] == by and log[k][1] >= end - GRACE)) if by else 0

    assert max(chain(i) for i in range(len(log))) <= levels


@given(works)
def test_a_floor_is_got_back_within_the_grace_of_those_that_are_stopped(drawn: list[tuple[int, ...]]) -> None:
    """All work takes a whole node. While a sector has no more in hand than its floor, its work starts within two seconds."""
    jobs = sorted((at * MINUTE, account, minutes) for at, account, _, _, minutes, _ in drawn)
    arrivals = work(*((at, 10 + i, account, 1, 8, minutes, 0) for i, (at, account, minutes) in enumerate(jobs)))
    log = run("lanes", machine({0: 16, 1: 8}, {}), arrivals)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for job, at, end in zip(log.job.tolist(), log.at.tolist(), log.end.tolist(), strict=True):
        first.setdefault(job, at)
        last[job] = end
    for i, (at, account, _) in enumerate(jobs):
        in_hand = sum(a == account and t <= at and last[10 + k] > at for k, (t, a, _) in enumerate(jobs))
        if account < 5 and in_hand <= (2, 1)[account - 3]:
            assert first[10 + i] <= at + 2 * GRACE
