"""The server of the journal dies and comes back while a controller runs work and clients submit: nothing lost, nothing twice."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from faultlab.house import House, read
from faultlab.invariants import at_rest
from shanyrak.control.site import Site
from shanyrak.errors import UnfitProblem
from shanyrak_postgres.server import Server

PATIENCE = 900.0
"""Seconds for everything, on a busy machine."""


def patiently(house: House, action: Callable[[Site], Any]) -> Any:
    """What a person does when the server is away: the same again, by its key."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            site = house.open()
            try:
                return action(site)
            finally:
                site.close()
        except UnfitProblem as problem:
            assert time.monotonic() < until, problem
            time.sleep(0.1)


class Watched:
    """A controller that is started again when it ends, as a service manager does: the server may be away at its start."""

    def __init__(self, house: House) -> None:
        self.house, self.starts = house, 0
        self.look()

    def look(self) -> None:
        code = self.child.poll() if self.starts else UnfitProblem.exit_code
        if code is not None:
            assert code == UnfitProblem.exit_code, self.child.said()
            self.starts += 1
            self.child = self.house.shanyrak("up")


@pytest.mark.engines
def test_postgres_is_killed_while_jobs_drain(lone: Server, tmp_path, origin, scale):
    jobs, kills = scale.pick(60, 400), scale.pick(8, 40)
    house = House(tmp_path / "house", origin, lone.url("kills"))
    draw = random.Random(scale.seed)
    try:

        def submit(site: Site, number: int) -> None:
            receipt = site.submit(house.job("exit 3" if number % 10 == 9 else "sleep 0.05", key=f"{number}"))
            house.acknowledge(receipt.id, f"{number}")

        def client() -> None:
            for number in range(jobs):
                patiently(house, lambda site, number=number: submit(site, number))

        clients, acting = house.start(client), Watched(house)
        for _ in range(kills):
            time.sleep(draw.uniform(0.2, 2.0))
            acting.look()
            lone.crash()

        def waiting(site: Site) -> int:
            return read(site, "SELECT COUNT(*) FROM workload WHERE ended = 0")[0][0]

        until = time.monotonic() + PATIENCE
        while clients.poll() is None or patiently(house, waiting):
            assert time.monotonic() < until, acting.child.said()
            acting.look()
            time.sleep(0.2)
        clients.good()
        acting.child.kill(signal.SIGTERM)
        acting.child.good()
        house.settle()
        at_rest(house)
        site = house.open()
        found = Counter(dict(read(site, "SELECT state, COUNT(*) FROM workload GROUP BY state")))
        site.close()
        assert found == {"done": jobs - jobs // 10, "failed": jobs // 10}
        assert max(Counter(house.runs()).values()) == 1, "a job ran twice"
    finally:
        house.demolish()
