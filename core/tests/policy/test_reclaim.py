"""Claims: who is stopped for whom, who never is, and that what was stopped for work is that work's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shanyrak.policy import desk
from shanyrak.policy.arrays import FAR, MANY
from shanyrak.policy.compiled import COMPILED, jit
from shanyrak.policy.drive import replay
from shanyrak.policy.kernel import MARK
from shanyrak.policy.mirror import Mirror
from shanyrak.policy.referee import check
from shanyrak.policy.stages import Stages, as_decide
from shanyrak.policy.works import Arrivals

PARAMS = {"margin": 0, "depth": 1}


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def run(m, run_, nodes, units, end, guard=0, safe=0, start=0):
    m.mirror.adopt(run_, 1000 + run_, 0, units, nodes, start * 1000, end * 1000, guard=guard, safe=safe * 1000)


def stops(plan):
    return list(zip(plan.stop_run.tolist(), plan.stop_for.tolist(), plan.stop_claim.tolist(), strict=True))


def test_a_claim_stops_the_last_started_of_a_lower_guard_and_keeps_their_room(machine):
    m = machine(4)
    run(m, 1, [0], 2, end=100, start=1)
    run(m, 2, [0], 2, end=100, start=5)
    m.job(10, units=2)
    m.job(11, units=1, limit=1)
    plan = m.plan(now=10, claim=ints(1, 0), depth=0)
    assert stops(plan) == [(2, 10, 1)]
    assert not len(plan.start_job), "nothing starts on units that are still to be freed"
    assert (plan.hold_job.tolist(), plan.hold_at.tolist()) == ([10], [10_001])
    assert not len(plan.promise_job)
    assert check(m.mirror.view(1, 10_000), plan, PARAMS) is None


def test_what_is_being_stopped_makes_room_for_its_beneficiary_alone(machine):
    m = machine(4)
    run(m, 1, [0], 2, end=100)
    run(m, 2, [0], 2, end=100)
    m.job(10, units=2)
    m.job(11, units=2, limit=1)
    m.mirror.stopping(2, 10)
    plan = m.plan(now=10, claim=ints(1, 0))
    assert not stops(plan), "it is stopped for already"
    m.mirror.end(2)
    m.mirror.stopping(1, 10)  # another that is still ending for the same work
    plan = m.plan(now=11, keys=(ints(1, 0),), claim=ints(1, 0))
    assert plan.start_job.tolist() == [10], "the better key of the other does not matter"


@pytest.mark.parametrize(("guard", "safe"), [(1, 0), (2, 0), (0, 11)])
def test_guards_and_safe_points_are_respected(machine, guard, safe):
    m = machine(2)
    run(m, 1, [0], 2, end=100, guard=guard, safe=safe)
    m.job(10, units=2)
    assert not stops(m.plan(now=10, claim=ints(1)))


def test_the_cheapest_goes_and_nobody_in_vain(machine):
    m = machine(4, 4)
    run(m, 1, [0], 1, end=100)
    run(m, 2, [0], 3, end=100)
    run(m, 3, [1], 4, end=100)
    m.job(10, units=3)
    # The cheaper run of one unit is picked first; with the one of three it is not needed.
    assert stops(m.plan(now=10, claim=ints(1), cost=ints(0, 5, 9))) == [(2, 10, 1)]


def test_a_gang_takes_whole_nodes_with_the_least_to_stop(machine):
    m = machine(4, 4, 4)
    run(m, 1, [0], 4, end=100)
    run(m, 2, [1], 1, end=100)
    run(m, 3, [2], 2, end=100)
    m.job(10, width=2, units=4)
    assert sorted(stops(m.plan(now=10, claim=ints(2)))) == [(2, 10, 2), (3, 10, 2)]


def test_a_claim_cannot_pass_a_cap_or_what_may_not_be_stopped(machine):
    m = machine(4)
    m.mirror.account(1, 0, cap=1)
    m.mirror.left(1, 0, MANY)
    run(m, 1, [0], 4, end=100)
    m.job(10, units=2, account=1)
    assert not stops(m.plan(now=10, claim=ints(1)))
    m = machine(4)
    run(m, 1, [0], 3, end=100, guard=5)
    run(m, 2, [0], 1, end=100)
    m.job(10, units=2)
    assert not stops(m.plan(now=10, claim=ints(1))), "stopping the one that may be is not enough"


def test_what_starts_on_a_claim_is_guarded_by_it(machine):
    m = machine(4)
    m.job(10, units=2)
    m.job(11, units=1)
    plan = m.plan(claim=ints(2, 0), guard=ints(0, 1))
    assert dict(zip(plan.start_job.tolist(), plan.start_guard.tolist(), strict=True)) == {10: 2, 11: 1}


def test_a_cost_of_far_keeps_a_run_from_being_stopped(machine):
    m = machine(2, 2)
    run(m, 1, [0], 2, end=100)
    run(m, 2, [1], 2, end=100)
    m.job(10, units=2)
    assert stops(m.plan(now=10, claim=ints(1), cost=ints(FAR, FAR - 1))) == [(2, 10, 1)]
    assert not stops(m.plan(now=10, claim=ints(1), cost=ints(FAR, FAR)))


def test_a_policy_bounds_how_many_tasks_of_a_row_start_in_a_round(machine):
    def two(b, now, numbers, d):
        d[d[desk.D_MOST]] = 2

    m = machine(4)
    m.job(10, tasks=4)
    m.job(11)
    if COMPILED:
        two = jit(two)
    assert m.plan(order=two).starts() == [(10, [[0], [0]]), (11, [[0]])]


def test_promised_work_does_not_take_what_others_were_stopped_for(machine):
    """Node 0 was freed for 10, whose claim goes before the promise of 11 is moved earlier."""
    m = machine(4)
    m.job(10, units=4, limit=20)
    m.job(11, units=4, limit=20, promise=100)
    m.carry = ints(MARK, 11, 50_000, 1, 0)
    plan = m.plan(now=10, keys=(ints(1, 0),), claim=ints(1, 0))
    assert plan.start_job.tolist() == [10]
    assert (plan.hold_job.tolist(), plan.hold_at.tolist()) == ([11], [30_000])
    plan = m.plan(now=10, keys=(ints(1, 0),), claim=ints(0, 0))
    assert plan.start_job.tolist() == [11], "without a claim the promise moves"


def test_nothing_is_promised_while_units_are_being_freed(machine):
    m = machine(4)
    run(m, 1, [0], 4, end=100)
    m.job(10, units=4)
    m.job(11, units=4)
    plan = m.plan(now=10, claim=ints(1, 0))
    assert stops(plan) == [(1, 10, 1)]
    assert not len(plan.promise_job)
    m.mirror.stopping(1, 10)
    assert not len(m.plan(now=11, claim=ints(1, 0)).promise_job)
    m.mirror.end(1)
    plan = m.plan(now=12, claim=ints(1, 0))
    assert (plan.start_job.tolist(), plan.promise_job.tolist()) == ([10], [11])


def levels(view, params):
    """Classes 0, 1, 2: higher ones go first, claim by class and are guarded by it."""
    return Stages(keys=(2 - view.job_class,), claim=view.job_class.copy(), guard=view.job_class.copy())


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**31), st.sampled_from([0, 3000]))
def test_chains_of_stops_are_no_longer_than_the_levels_and_nothing_is_lost(seed, min_runtime):
    rng = np.random.default_rng(seed)
    mirror = Mirror()
    mirror.pool(0, 0)
    for node in range(3):
        mirror.node(node, 0, 4, True)
    mirror.account(0)
    mirror.left(0, 0, MANY)
    n = 25
    at = np.sort(rng.integers(0, 40_000, n))
    width = rng.integers(1, 4, n)
    limit = 1000 * rng.integers(1, 30, n)
    zero = np.zeros(n, np.int64)
    work = Arrivals(
        at, np.arange(1, n + 1), zero, zero, width, np.where(width > 1, 4, rng.integers(1, 5, n)), limit,
        rng.integers(1, limit + 1), class_=rng.integers(0, 3, n),
    )  # fmt: skip
    log = replay(mirror, as_decide(levels), {"promises": 0, "grace": 500, "min_runtime": min_runtime}, 0, work)
    class_ = dict(zip(work.job.tolist(), work.class_.tolist(), strict=True))
    victims = [(run_, job, for_) for run_, job, for_ in zip(log.run, log.job, log.stopped_for, strict=True) if for_]
    for run_, job, for_ in victims:
        assert class_[int(job)] < class_[int(for_)], "a claim exceeds the guard"
        at_row = log.run.tolist().index(run_)
        assert log.end[at_row] >= log.at[at_row] + min_runtime
    # Who was stopped for someone stops others only of a lower class: a chain is no longer than the levels.
    ended = Counter(int(job) for job, for_ in zip(log.job, log.stopped_for, strict=True) if not for_)
    assert ended == Counter(dict.fromkeys(range(1, n + 1), 1)), "each ran to its end exactly once"
    used = Counter()
    for when in np.unique(log.at):
        busy = (log.at <= when) & (log.end > when)
        used.clear()
        for i in np.flatnonzero(busy).tolist():
            last = log.first[i + 1] if i + 1 < len(log.first) else len(log.nodes)
            job = int(log.job[i])
            for node in log.nodes[log.first[i] : last].tolist():
                used[node] += int(work.units[job - 1])
        assert all(total <= 4 for total in used.values())
