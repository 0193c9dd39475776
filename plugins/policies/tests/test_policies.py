"""All policies on one small machine: 2 nodes of 1 unit, both busy with work of different length."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest
import shanyrak_policies
from shanyrak.api import MANY, Mirror, Plan, View, Why, as_decide

MINUTE = 60_000


def machine() -> Mirror:
    """Node 0 is busy for 10 minutes, node 1 is free."""
    mirror = Mirror()
    mirror.pool(0, 0)
    mirror.account(0)
    mirror.left(0, 0, MANY)
    for node in range(2):
        mirror.node(node, 0, 1, True)
    mirror.adopt(1, 1, 0, 1, [0], 0, 10 * MINUTE)
    return mirror


def submit(mirror: Mirror, job: int, width: int, minutes: int) -> None:
    mirror.submit(job, 0, 0, width, 1, 1, MANY, minutes * MINUTE, job)


def decide(name: str, view: View, **params: int | str) -> Plan:
    import numpy as np

    record = {policy.name: policy for policy in shanyrak_policies.shanyrak_policies()}[name]
    module, _, attribute = record.stages.partition(":")
    function = getattr(import_module(module), attribute)
    return as_decide(function)(view, {"margin": 0, "depth": 1, **params}, np.zeros(0, np.int64))[0]


def test_fifo_lets_nothing_pass() -> None:
    mirror = machine()
    submit(mirror, 10, width=2, minutes=5)
    submit(mirror, 11, width=1, minutes=1)
    plan = decide("fifo", mirror.view(1, 0))
    assert plan.empty
    assert dict(zip(plan.wait_job.tolist(), plan.wait_why.tolist(), strict=True)) == {10: Why.FIT, 11: Why.ORDER}


def test_easy_fills_the_gap_before_the_promised_start_and_no_more() -> None:
    mirror = machine()
    submit(mirror, 10, width=2, minutes=5)
    submit(mirror, 11, width=1, minutes=11)
    submit(mirror, 12, width=1, minutes=10)
    plan = decide("easy", mirror.view(1, 0))
    assert plan.starts() == [(12, [[1]])]
    assert (plan.promise_job.tolist(), plan.promise_at.tolist()) == ([10], [10 * MINUTE])
    # Both nodes are busy after the start of 12, so 11 does not fit now.
    assert plan.wait_why.tolist() == [Why.FIT, Why.FIT]


def test_shortest_takes_the_least_area_first() -> None:
    mirror = machine()
    submit(mirror, 10, width=1, minutes=30)
    submit(mirror, 11, width=1, minutes=3)
    submit(mirror, 12, width=1, minutes=4)
    plan = decide("shortest", mirror.view(1, 0))
    assert plan.starts() == [(11, [[1]])]
    assert plan.promise_job.tolist() == [12], "the next in order has the reservation"


NAMES = [policy.name for policy in shanyrak_policies.shanyrak_policies()]


def test_these_are_all() -> None:
    assert NAMES == ["fifo", "easy", "shortest", "fairshare", "lanes", "public-first", "weighted"]


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_queue_gives_an_empty_plan(name: str) -> None:
    plan = decide(name, machine().view(1, 0))
    assert plan.empty
    assert plan.wait_job.tolist() == []


@pytest.mark.parametrize("name", NAMES)
def test_of_equals_who_came_first_goes_first(name: str) -> None:
    mirror = machine()
    for job in (12, 11, 10):
        submit(mirror, job, width=1, minutes=5)
    assert decide(name, mirror.view(1, 0)).starts() == [(10, [[1]])]


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_wrong_depth_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match="depth must be a whole number from 0 to 100000, not 'deep'"):
        decide(name, machine().view(1, 0), depth="deep")


def test_the_entry_point_is_data_and_loads_no_numpy() -> None:
    import subprocess

    code = "import sys, shanyrak_policies; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
