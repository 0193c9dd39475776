"""Policies that fail in every way they can: the core decides in their place, says so, and takes them back when well."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faultlab.house import House, events_of
from faultlab.invariants import at_rest
from faultlab.processes import PATIENCE, Child, eventually
from shanyrak.control import decider
from shanyrak.control import site as site_room
from shanyrak.control.site import Site
from shanyrak.testing.distribution import write_plugin

HOOK = """
@hookimpl
def shanyrak_policies():
    return [Policy('odd', 'Does what a file says.', version='7', decide='x_odd_decide:decide')]
"""

DECIDE = """
import os, sys, time
from pathlib import Path
import numpy as np
from shanyrak.policy.fallback import fallback

class Poison:
    def __reduce__(self):  # who unpickles it ends
        return os._exit, (9,)

def decide(view, params, carry):
    mode = Path({mode!r}).read_text()
    if mode == "recurse":
        return decide(view, params, carry)
    plan, after = fallback(view, params, carry)
    if len(view.job_id) == 0 or view.now < 1_000_000_000_000:  # nothing to decide, or the rehearsal
        return plan, after
    if mode == "raise":
        raise RuntimeError("the policy is odd today")
    if mode == "hang":
        time.sleep(3600)
    if mode == "print":
        print("chatter " * 1000)
        os.write(1, b"bytes on stdout" * 1000)
    if mode == "exit":
        os._exit(9)
    if mode == "leave":
        sys.exit("bye")
    if mode == "overlap":
        plan.start_count = np.array([2], np.int64)
        plan.start_job = view.job_id[:1].copy()
        plan.start_nodes = np.array([0, 0], np.int64)
        plan.start_ptr = np.array([0, 2], np.int64)
    if mode == "crowd":  # all of it on one node, more than it has
        plan.start_job = view.job_id.copy()
        plan.start_count = np.ones(len(view.job_id), np.int64)
        plan.start_nodes = np.zeros(len(view.job_id), np.int64)
        plan.start_ptr = np.arange(len(view.job_id) + 1)
    if mode == "nan":
        plan.start_job = np.array([float("nan")])
    if mode == "none":
        return None, after
    if mode == "no carry":
        return plan, None
    if mode == "words carried":
        return plan, np.array(["state"])
    if mode == "nan carried":
        return plan, np.array([float("nan")])
    if mode == "much carried":
        return plan, np.zeros(1 << 20, np.int64)
    if mode == "one thing":
        return plan
    if mode == "poison":
        return Poison(), after
    return plan, after
"""

BROKEN = {
    "raise": "it raised RuntimeError: the policy is odd today",
    "hang": "it did not answer within 2 s",
    "exit": "its process ended (9)",
    "leave": "it raised SystemExit: bye",
    "recurse": "RecursionError",
    "overlap": "the referee refused its plan",
    "crowd": "the referee refused its plan",
    "nan": "the referee refused its plan: start_job must be whole numbers",
    "none": "the referee refused its plan",
    "one thing": "it raised",
    "poison": "its answer",
    "no carry": "its carry",
    "words carried": "its carry",
    "nan carried": "its carry",
    "much carried": "its carry",
}


class Odd:
    """A house whose policy does what `mode` says."""

    def __init__(self, house: House) -> None:
        self.house, self.plugins, self.mode = house, house.base / "plugins", house.base / "mode"
        self.plugins.mkdir()
        self.set("well")
        write_plugin(self.plugins, "odd", HOOK, more={"x_odd_decide": DECIDE.format(mode=str(self.mode))})
        file = house.folder / "commons.toml"
        file.write_text(file.read_text().replace('active = "kernel"', 'active = "odd"'))
        assert '"odd"' in file.read_text()

    def set(self, mode: str) -> None:
        part = Path(f"{self.mode}.part")
        part.write_text(mode)
        part.replace(self.mode)

    def start(self, function: Callable[[], object]) -> Child:
        """A child that finds the plugin, as its own children do."""

        def run() -> object:
            sys.path.insert(0, str(self.plugins))
            os.environ["PYTHONPATH"] = str(self.plugins)
            decider.RESPAWN_S = 0.5
            site_room.WARM_S = PATIENCE  # how slow a busy machine starts a process is not what is tested here
            return function()

        return self.house.start(run)

    def up(self) -> Child:
        def run() -> None:
            ending: list[int] = []
            signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
            site = self.house.open()
            controller = site.controller(print)
            try:
                controller.run(lambda: bool(ending), False)
            finally:
                controller.close()
                site.close()

        return self.start(run)

    def command(self, *arguments: str) -> str:
        child = self.start(lambda: self.house.command(*arguments))
        child.good()
        return child.said()

    def work(self, site: Site, count: int) -> list[dict[str, Any]]:
        """Do `count` jobs one after another; gives the decisions that were made of it."""
        before = len(events_of(site, "decision.made"))
        for _ in range(count):
            id_ = site.submit(self.house.job("true")).id
            self.house.acknowledge(id_)
            eventually(lambda i=id_: site.workload(i)["state"] == "done", f"workload {id_} is done")
        return events_of(site, "decision.made")[before:]


@pytest.fixture
def odd(house: House) -> Odd:
    return Odd(house)


@pytest.mark.parametrize("mode", BROKEN)
def test_a_broken_policy_is_replaced_and_comes_back(odd: Odd, mode: str):
    controller = odd.up()
    site = odd.house.open()
    assert [one["outcome"] for one in odd.work(site, 1)] == ["policy"]
    odd.set(mode)
    made = odd.work(site, 4)
    assert {one["outcome"] for one in made} == {"fallback"}
    assert any(BROKEN[mode] in one["cause"] for one in made), made
    assert all(one["cause"] for one in made)
    assert all(one["policy"] == "odd 7" for one in made)
    words = "the core's kernel decides in place of odd 7"
    assert words in odd.command("doctor")
    assert words in odd.command("ps")
    odd.set("well")

    def back() -> bool:
        return any(one["outcome"] == "policy" for one in odd.work(site, 1))

    eventually(back, "the policy decides again")
    assert words not in odd.command("ps")
    site.close()
    assert "Traceback" not in controller.said()
    controller.kill(signal.SIGTERM)
    controller.good()
    finish(odd)


def finish(odd: Odd) -> None:
    """The house without its plugin: everything else holds."""
    file = odd.house.folder / "commons.toml"
    file.write_text(file.read_text().replace('active = "odd"', 'active = "kernel"'))
    at_rest(odd.house)


def test_what_a_policy_prints_is_no_answer(odd: Odd):
    controller = odd.up()
    odd.set("print")
    site = odd.house.open()
    assert {one["outcome"] for one in odd.work(site, 3)} == {"policy"}
    assert "decides in place" not in odd.command("ps")
    site.close()
    controller.kill(signal.SIGTERM)
    controller.good()
    finish(odd)


def test_a_policy_that_cannot_be_imported_does_not_keep_the_site_down(odd: Odd):
    (odd.plugins / "x_odd_decide.py").write_text("raise SystemExit('not today')\n")
    controller = odd.up()
    site = odd.house.open()
    made = odd.work(site, 3)
    assert {one["outcome"] for one in made} == {"fallback"}
    assert "not active yet" in controller.said()
    site.close()
    controller.kill(signal.SIGTERM)
    controller.good()
    finish(odd)


def test_questions_survive_a_policy_that_hangs(odd: Odd):
    """`ps`, `why` and `eta` plan in their own process: they answer, and say whose answer it is."""
    odd.set("hang")
    site = odd.house.open()
    odd.house.acknowledge(site.submit(odd.house.job("true")).id)
    site.close()
    begun = time.monotonic()
    for verb in (["ps"], ["why", "1"], ["eta", "1"]):
        assert odd.command(*verb)
    assert time.monotonic() - begun < 600
    odd.house.shanyrak("policy").wait()
    file = odd.house.folder / "commons.toml"
    file.write_text(file.read_text().replace('active = "odd"', 'active = "kernel"'))
    odd.house.settle()
    finish(odd)
