"""Plans as broken or hostile policies return them: each is refused in words that name the fault."""

from __future__ import annotations

import numpy as np
import pytest
from shanyrak.policy.plan import Plan
from shanyrak.policy.reasons import Why
from shanyrak.policy.referee import check

PARAMS = {"margin": 0, "depth": 1}


def plan(**columns) -> Plan:
    """A plan from lists; the ptr of one row is made up where it is left out."""
    for table in ("start", "hold"):
        if f"{table}_nodes" in columns and f"{table}_ptr" not in columns:
            columns[f"{table}_ptr"] = [0, len(columns[f"{table}_nodes"])]
    if "start_job" in columns:
        columns.setdefault("start_count", [1] * len(columns["start_job"]))
    return Plan.from_dict(columns)


def start(job, *nodes, count=1):
    return plan(start_job=[job], start_count=[count], start_nodes=list(nodes))


@pytest.fixture
def view(machine):
    """Node 0: 1 of 4 units free until 10 s; node 1: 4 free; node 2: closed; node 3: in pool 1; node 4: a window."""
    m = machine(4, 4, 4, 4, 4)
    m.mirror.pool(1, 0)
    m.mirror.node(2, 0, 4, False)
    m.mirror.node(3, 1, 4, True)
    m.window(1, [4], 5, 50)
    m.mirror.account(1, 0, cap=4)
    m.mirror.left(1, 0, 40)
    m.run(7, [0], 3, end=10, account=1)
    m.job(10, units=2, tasks=3, room=2)
    m.job(11, width=2, units=1)
    m.job(12, account=1, limit=20)
    m.job(13, account=1, limit=100)
    m.job(14, block=Why.HOLD)
    m.job(15, width=1, units=4, limit=10, promise=10)
    return m.mirror.view(1, 0)


def test_sound_plans_pass(view):
    assert check(view, Plan(), PARAMS) is None
    assert check(view, start(11, 0, 1), PARAMS) is None
    assert check(view, start(10, 1), PARAMS) is None
    late = plan(hold_job=[15], hold_at=[10_000], hold_nodes=[0], promise_job=[], promise_at=[])
    assert check(view, late, PARAMS) is None


@pytest.mark.parametrize(
    ("foul", "words"),
    [
        (None, "it is no Plan but NoneType"),
        ({"start_job": []}, "it is no Plan but dict"),
        (Plan(start_job=np.array([float("nan")])), "start_job must be whole numbers, it is float64 (nan"),
        (Plan(start_job=[1.5]), "start_job must be whole numbers"),
        (Plan(start_job=["x"]), "start_job must be whole numbers"),
        (Plan(start_job=[[1], [2]]), "start_job must have one dimension, it has 2"),
        (Plan(start_job=[[1], [2, 3]]), "start_job is a list of lists"),
        (Plan(start_job=[2**70]), "start_job must be whole numbers, it is object"),
        (Plan(wake=float("nan")), "wake must be a time"),
        (Plan(wake=-5), "wake must be a time"),
        (plan(start_job=[10], start_count=[1, 1]), "columns differ in length"),
        (plan(start_job=[10], start_nodes=[1], start_ptr=[0, 2]), "start_ptr does not divide start_nodes"),
        (plan(start_job=[10, 10], start_nodes=[1, 1], start_ptr=[0, 1, 2]), "start_job names 10 twice"),
        (start(99, 1), "start job 99: it is not pending"),
        (start(10, 1, 1, 1, count=3), "3 tasks, its own %N leaves room for 2"),
        (start(10, count=0), "0 tasks, it has 3 to start"),
        (start(11, 1), "1 tasks need 2 nodes, not 1"),
        (start(11, 1, 1), "a task has one node twice"),
        (start(10, 77), "there is no node 77"),
        (start(10, -1), "there is no node -1"),
        (start(10, 0), "node 0 has 1 units free, not 2"),
        (start(10, 2), "node 2 is not open"),
        (start(10, 3), "node 3 is of pool 1"),
        (start(10, 4), "a window covers node 4"),
        (start(14, 1), "it is blocked (hold)"),
        (start(13, 1), "the grants of account 1 are short"),
        (plan(start_job=[10, 15], start_nodes=[1, 1], start_ptr=[0, 1, 2]), "node 1 has 4 units free, not 6"),
        (plan(stop_run=[8], stop_for=[10], stop_claim=[1]), "stop run 8: it is not running"),
        (plan(stop_run=[7], stop_for=[10], stop_claim=[0]), "claim 0 does not exceed its guard 0"),
        (plan(stop_run=[7], stop_for=[99], stop_claim=[1]), "stop run 7 for job 99: it is not pending"),
        (plan(stop_run=[7], stop_for=[14], stop_claim=[1]), "job 14, for which it is, is blocked"),
        (plan(promise_job=[10], promise_at=[5]), "no reservation at 5 is behind it"),
        (
            plan(promise_job=[15], promise_at=[11_000], hold_job=[15], hold_at=[11_000], hold_nodes=[0]),
            "11000 is later than its promise 10000",
        ),
        (plan(hold_job=[15], hold_at=[9000], hold_nodes=[0]), "node 0 is taken twice at 9000"),
        (plan(hold_job=[15], hold_at=[-1], hold_nodes=[0]), "is in the past"),
        (plan(hold_job=[15], hold_at=[0], hold_nodes=[4]), "a window covers node 4"),
        (plan(wait_job=[99], wait_why=[1]), "wait of job 99: it is not pending"),
    ],
)
def test_fouls_are_named(view, foul, words):
    said = check(view, foul, PARAMS)
    assert said is not None
    assert words in said
    assert "\n" not in said


def test_caps_count_what_runs_and_all_starts(machine):
    m = machine(8)
    m.mirror.account(1, 0, cap=4)
    m.mirror.left(1, 0, 10**6)
    m.run(7, [0], 2, end=10, account=1)
    for job in (10, 11):
        m.job(job, units=2, account=1)
    view = m.mirror.view(1, 0)
    assert check(view, start(10, 0), PARAMS) is None
    both = plan(start_job=[10, 11], start_nodes=[0, 0], start_ptr=[0, 1, 2])
    assert check(view, both, PARAMS) == "start job 11: account 1 would pass its cap of 4 units"


def test_guards_and_safe_points_hold(machine):
    m = machine(1)
    m.mirror.adopt(7, 1, 0, 1, [0], 0, 10_000, guard=2, safe=5000)
    m.job(10)
    stop = plan(stop_run=[7], stop_for=[10], stop_claim=[2])
    assert check(m.mirror.view(1, 6000), stop, PARAMS) == "stop run 7: claim 2 does not exceed its guard 2"
    stop = plan(stop_run=[7], stop_for=[10], stop_claim=[3])
    assert check(m.mirror.view(1, 6000), stop, PARAMS) is None
    assert "not to be stopped before 5000" in str(check(m.mirror.view(1, 4000), stop, PARAMS))


def test_starts_may_not_make_a_promise_later(machine):
    m = machine(1, 1)
    m.run(1, [0], 1, end=10)
    m.job(10, width=2, promise=10)
    m.job(11, limit=11)
    m.job(12, limit=10)
    view = m.mirror.view(1, 0)
    assert check(view, start(11, 1), PARAMS) == "the starts make the promise to job 10 (10000) later"
    assert check(view, start(12, 1), PARAMS) is None


def test_starts_may_not_spend_the_grant_of_promised_work(machine):
    m = machine(2)
    m.mirror.account(1)
    m.mirror.left(1, 0, 25)
    m.run(1, [0], 1, end=10)
    m.job(10, units=2, account=1, promise=10)
    m.job(11, account=1)
    assert "make the promise to job 10" in str(check(m.mirror.view(1, 0), start(11, 0), PARAMS))


def test_a_promise_that_is_broken_already_stops_nothing_that_does_not_make_it_later(machine):
    m = machine(1, 1)
    m.run(1, [0], 1, end=30)
    m.job(10, width=2, promise=10)
    m.job(11, limit=30)
    m.job(12, limit=31)
    view = m.mirror.view(1, 0)
    assert check(view, start(11, 1), PARAMS) is None
    assert "job 10" in str(check(view, start(12, 1), PARAMS))


def test_what_is_stopped_makes_room_for_a_reservation(machine):
    m = machine(4)
    m.run(7, [0], 3, end=100)
    m.job(10, units=4)
    held = {"hold_job": [10], "hold_at": [1], "hold_nodes": [0]}
    stops = {"stop_run": [7], "stop_for": [10], "stop_claim": [1]}
    assert check(m.mirror.view(1, 0), plan(**held), PARAMS) == "reservation for job 10: node 0 is taken twice at 1"
    assert check(m.mirror.view(1, 0), plan(**held, **stops), PARAMS) is None
    m.mirror.stopping(7, 10)
    assert check(m.mirror.view(1, 0), plan(**held), PARAMS) is None, "and goes on doing so until it has ended"


def test_a_plan_with_stops_of_the_kernel_passes(machine):
    m = machine(4, 4)
    m.run(7, [0, 1], 4, end=100)
    m.job(10, width=2, units=4)
    answer = m.plan(claim=np.array([1]))
    assert answer.stop_run.tolist() == [7] and answer.hold_at.tolist() == [1]
    assert check(m.mirror.view(1, 0), answer, PARAMS) is None
    m.mirror.stopping(7, 10)
    again = m.plan(now=5, claim=np.array([1]))
    assert again.stop_run.tolist() == [] and check(m.mirror.view(1, 5_000), again, PARAMS) is None
