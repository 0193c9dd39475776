"""Time goes wrong: the controller is away while work ends, and the wall clock is set while it is there."""

from __future__ import annotations

import time

import pytest
from faultlab.house import House, drain, events_of, read
from faultlab.invariants import at_rest
from faultlab.processes import eventually, with_argument
from shanyrak.control.site import Site
from shanyrak.journal import clock as clocks
from shanyrak.journal.clock import Clock

HOUR, DAY = 3_600_000, 86_400_000


def test_what_ended_while_the_controller_was_down_has_its_true_end(house: House, scale):
    """Killed while a job runs; the job ends; long after, a controller learns of it and charges what was used."""
    controller = house.child(
        lambda site: (house.acknowledge(site.submit(house.job("sleep 1; exit 7")).id), drain(site))
    )
    eventually(lambda: house.runs(), "the job runs")
    controller.kill()
    controller.wait()
    eventually(lambda: not with_argument(house.mark), "the job ends by itself")
    gone = time.time_ns() // 1_000_000
    time.sleep(scale.pick(3, 30))
    house.settle()
    site = house.open()
    (row,) = site.ps(everything=True)
    assert (row["state"], row["reason"], row["exit_code"]) == ("failed", "exit", 7)
    assert row["ended"] <= gone, "its end is when it ended, not when somebody looked"
    assert row["ended"] - row["started"] >= 900
    assert row["ran_ms"] <= row["ended"] - row["started"] + 100
    ((units, ran, amount),) = read(site, "SELECT units, ms, amount FROM charge")
    assert amount == -(-units * ran // 1000)
    assert site.account()["units"]["cpu-second"]["used"] == amount
    assert ran == row["ran_ms"]
    site.close()
    at_rest(house)


@pytest.mark.parametrize(("step", "name"), [(-HOUR, "back"), (DAY, "forward")], ids=["hour-back", "day-forward"])
def test_the_wall_clock_is_set_while_work_runs(house: House, step: int, name: str):
    """Ledger time never goes back; nobody is charged for, or killed by, time that did not pass."""

    def run(site: Site) -> None:
        off = 0
        site.journal.clock = Clock(lambda: clocks._wall() + off, clocks._monotonic)
        for script in ("sleep 1", "sleep 1; exit 2", "true"):
            house.acknowledge(site.submit(house.job(script)).id)
        waiting = site.submit(house.job("true", cpus=4))
        house.acknowledge(waiting.id)

        def tick(controller: object) -> None:
            nonlocal off
            if not off and len(house.runs()) == 3:
                off = step

        drain(site, tick)

    house.child(run).good()
    site = house.open()
    times = [event.time for event in site.events()]
    assert times == sorted(times)
    (stepped,) = events_of(site, "clock.stepped")
    assert abs(stepped["by"] - step) < 1000
    rows = site.ps(everything=True)
    assert [(row["state"], row["exit_code"]) for row in rows] == [("done", 0), ("failed", 2), ("done", 0), ("done", 0)]
    assert all(row["ran_ms"] < 30_000 for row in rows)
    assert all(row["ended"] >= row["started"] for row in rows)
    used = site.account()["units"]["cpu-second"]["used"]
    assert 4 <= used < 60, f"{used} seconds are charged"
    site.close()
    at_rest(house)


def test_a_clock_far_behind_the_journal(house: House):
    """A machine that starts with a dead clock battery: the journal's time goes on from where it was."""

    def run(site: Site) -> None:
        site.journal.clock = Clock(lambda: 1_000_000, clocks._monotonic)
        house.acknowledge(site.submit(house.job("true", walltime="10s")).id)
        drain(site)

    house.settle()
    house.child(run).good()
    site = house.open()
    times = [event.time for event in site.events()]
    assert times == sorted(times)
    (row,) = site.ps(everything=True)
    assert row["state"] == "done"
    site.close()
    at_rest(house)


def test_terms_that_end_at_one_moment(house: House):
    """What came after work that expires is cancelled with it, also when its own term ends in the same instant."""
    site = house.open()
    site.pause()
    first = site.submit(house.job("true", term="1s")).id
    second = site.submit(house.job("true", term="1s", after=[first])).id
    third = site.submit(house.job("true", after=[second])).id
    for id_ in (first, second, third):
        house.acknowledge(id_)
    site.close()
    time.sleep(1.1)
    house.settle()
    site = house.open()
    found = [(row["state"], row["reason"]) for row in site.ps(everything=True)]
    assert found == [("expired", "term"), ("cancelled", "after-failed"), ("cancelled", "after-failed")]
    site.close()
    at_rest(house)
