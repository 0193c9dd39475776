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
    return [Policy('claiming', 'Services stop everything else.', version='1', stages='x_claiming_stages:stages')]
"""
STAGES = """
from shanyrak.policy.stages import Stages

def stages(view, params):
    rank = view.job_class.copy()
    return Stages(keys=(-rank,), claim=rank, guard=rank)
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
        write_plugin(plugins, "claiming", HOOK, more={"x_claiming_stages": STAGES})
        file = house.folder / "commons.toml"
        file.write_text(file.read_text().replace('active = "kernel"', 'active = "claiming"'))

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
    for _ in range(scale.pick(1, 6)):  # the same kill; what runs beside it differs
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
        file.write_text(file.read_text().replace('active = "claiming"', 'active = "kernel"'))
        at_rest(house)
        house.demolish()
