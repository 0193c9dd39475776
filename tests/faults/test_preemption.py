"""`kill -9` while work is being stopped for other work: it is stopped once, waits again, and each runs to its end."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from faultlab.house import House, drain, events_of, read
from faultlab.invariants import at_rest, sound
from shanyrak.control.site import Site
from shanyrak.journal import points
from shanyrak.testing.distribution import write_plugin

HOOK = """
@hookimpl
def shanyrak_policies():
    return [Policy('urgent', 'Services stop everything else.', version='1', decide='x_urgent_decide:decide')]
"""
DECIDE = """
from dataclasses import replace
import numpy as np
from shanyrak.policy.pack import pack
from shanyrak.policy.stages import Stages

def decide(view, params, carry):
    plan, carry = pack(view, Stages(keys=(-view.job_class,)), params, carry)
    waiting = set(plan.wait_job.tolist())
    urgent = [int(job) for job, rank in zip(view.job_id, view.job_class) if rank and int(job) in waiting][:1]
    stops = view.run_id[(view.run_class == 0) & (view.run_stop == 0)] if urgent else view.run_id[:0]
    none = np.zeros(0, np.int64)
    return replace(plan, promise_job=none, promise_at=none, stop_run=stops.copy(),
                   stop_for=np.full(len(stops), sum(urgent)), stop_claim=np.full(len(stops), 1)), carry
"""
AROUND = (
    "decide.before", "intent.before", "commit.before", "commit.after", "intent.after", "stopped.before",
    "stopped.after", "settle.before", "settle.after", "launch.before", "launch.after",
)  # fmt: skip
"""The points that a preemption passes, from the decision to the start of the other work."""


def start(house: House, function: Callable[[Site], object]) -> int:
    """Run it in a child that finds the policy; gives its exit code."""
    plugins = house.base / "plugins"
    if not plugins.exists():
        plugins.mkdir()
        write_plugin(plugins, "urgent", HOOK, more={"x_urgent_decide": DECIDE})
        file = house.folder / "commons.toml"
        file.write_text(file.read_text().replace('active = "kernel"', 'active = "urgent"'))

    def run() -> None:
        sys.path.insert(0, str(plugins))
        os.environ["PYTHONPATH"] = str(plugins)
        site = house.open()
        try:
            function(site)
        finally:
            site.close()

    return house.start(run).wait()


def scenario(house: House, site: Site, point: str = "") -> None:
    """Work that would run for a minute at its first start, and, when it runs, a service that needs its units."""
    long = site.submit(house.job("test -e begun || { touch begun; sleep 60; }", cpus=4, key="long"))
    house.acknowledge(long.id, "long")

    def tick(controller: Any) -> None:
        runs = read(site, "SELECT 1 FROM workload WHERE id = ? AND state = 'running'", long.id)
        if runs and (house.work / "begun").exists() and not house.told()[1:]:
            urgent = site.submit(house.job("true", cpus=4, key="urgent", **{"class": "service"}))
            house.acknowledge(urgent.id, "urgent")
            points.arm(point)

    drain(site, tick)


@pytest.mark.parametrize("point", AROUND)
def test_killed_at(point: str, build: Callable[[], House], scale: Any):
    for _ in range(scale.pick(1, 20)):
        house = build()
        assert start(house, lambda site, house=house: scenario(house, site, f"{point}:1")) == -signal.SIGKILL
        site = house.open()
        sound(house, site)
        site.close()
        assert start(house, drain) == 0
        site = house.open()
        assert [row["state"] for row in site.ps(True)] == ["done", "done"]
        assert [one["workload"] for one in events_of(site, "attempt.preempted")] == [1]
        attempts = [(w, n, cause) for w, n, cause in read(site, "SELECT workload, try, cause FROM attempt ORDER BY id")]
        assert sorted(attempts) == [(1, 1, "preempted"), (1, 2, "ended"), (2, 1, "ended")]
        assert Counter(house.runs()) == {(1, 0): 2, (2, 0): 1}
        site.close()
        file = house.folder / "commons.toml"
        file.write_text(file.read_text().replace('active = "urgent"', 'active = "kernel"'))
        at_rest(house)
        house.demolish()
