"""`kill -9` at each named commit point, in the middle of everything a site does; then it goes on as if nothing was."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from faultlab.house import House, drain, read, submit_all
from faultlab.invariants import at_rest, sound
from faultlab.processes import eventually
from shanyrak.control.site import Site
from shanyrak.journal import points


def scenario(house: House, site: Site) -> None:
    """One of everything: a grant that expires, work of each kind, a controller, a node that comes up, a stop."""
    with site.journal.write("engine") as writer:  # as if the node had been down
        writer.append("node.reported", "facility", {"nodes": [[0, 4, 0, "down"]]})
    site.add_grant("p", 3600, "cpu-second", until=site.journal.now() + 400)
    *_, endless = submit_all(
        house,
        site,
        [
            house.job("true", key="one"),
            house.job("exit 3"),
            house.job("sleep 0.05", array="0-3%2"),
            house.job("true", after=[1]),
            house.job("sleep 60", cpus=2, walltime="2m"),
        ],
    )
    asked = False

    def tick(controller: Any) -> None:
        nonlocal asked
        runs = read(site, "SELECT 1 FROM workload WHERE id = ? AND state = 'running'", endless)
        if not asked and runs and read(site, "SELECT 1 FROM credit WHERE state = 'expired'"):
            asked = True
            site.stop(endless)

    drain(site, tick)


def change_facility(house: House) -> None:
    """The next to open the site has something to declare."""
    file = house.folder / "commons.toml"
    file.write_text(file.read_text().replace("weight = 1", "weight = 2", 1))


def recover(house: House) -> None:
    """What people do after a crash: look, stop what should not run, start a controller."""
    site = house.open()
    sound(house, site)
    for row in site.ps(reasons=False):
        if row["name"] == "sh" and row["walltime_ms"] == 120_000:
            site.stop(row["id"])
    sound(house, site)
    over = read(site, "SELECT MAX(until) FROM credit")[0][0]
    eventually(lambda: site.journal.now() > over, "the short grant is over: later, time alone changes nothing")
    site.close()
    house.settle()
    at_rest(house)
    site = house.open()
    ran, metered = (
        read(site, f"SELECT token FROM {table} WHERE ran > 0 ORDER BY token") for table in ("attempt", "reading")
    )
    assert ran == metered, "each attempt that ran was metered once"
    site.close()


@pytest.fixture(scope="module")
def reached(tmp_path_factory, origin) -> Counter[str]:
    """How often the scenario reaches each point when nothing kills it."""
    house = House(tmp_path_factory.mktemp("dry") / "house", origin)
    try:
        change_facility(house)

        def run() -> None:
            counts: Counter[str] = Counter()
            real = points.reached

            def count(point: str) -> None:
                counts[point] += 1
                real(point)

            points.reached = count
            site = house.open()
            scenario(house, site)
            site.close()
            (house.base / "counts").write_text("\n".join(f"{name} {n}" for name, n in counts.items()))

        house.start(run).good()
        at_rest(house)
        lines = (house.base / "counts").read_text().splitlines()
        return Counter({name: int(n) for name, n in (line.split() for line in lines)})
    finally:
        house.demolish()


def test_each_point_is_reached(reached: Counter[str]):
    assert set(reached) == set(points.POINTS)


@pytest.mark.parametrize("point", points.POINTS)
def test_killed_at(point: str, reached: Counter[str], build: Callable[[], House], scale):
    """In full at each time that the point is reached, and at each point some times, as what runs beside it differs."""
    times = list(range(1, reached[point] + 1))
    random.Random(f"{scale.seed} {point}").shuffle(times)
    turns = scale.repeats or max(len(times), 12)
    killed = 0
    for turn in range(turns):
        for number in (times[turn % len(times)], 1):  # rounds differ: the last of many may not come
            house = build()
            change_facility(house)
            child = house.child(lambda site, house=house: scenario(house, site), f"{point}:{number}")
            code, said = child.wait(), child.said()
            recover(house)
            house.demolish()
            if code == -signal.SIGKILL:
                killed += 1
                break
            assert code == 0, f"turn {turn}, {point}:{number}: {said}"
    assert killed == turns
