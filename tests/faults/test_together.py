"""Many processes on one workspace at once."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from faultlab.house import GRANT, House, drain, forever, read
from faultlab.invariants import at_rest, sound
from faultlab.processes import eventually
from shanyrak.control import controller, lease
from shanyrak.control.site import Site
from shanyrak.errors import Problem
from shanyrak.journal import points
from shanyrak_local import lock


def holder(house: House) -> int:
    """Pid of the controller that has the lease; 0 when nobody holds it."""
    site = house.open()
    try:
        return next((pid for pid, held in read(site, "SELECT pid, held FROM lease") if held), 0)
    finally:
        site.close()


def test_one_key_ten_times_is_one_workload(house: House):
    gate = house.base / "gate"

    def submit(site: Site) -> None:
        eventually(gate.exists, "the gate opens")
        receipt = site.submit(house.job("true", key="same"))
        house.acknowledge(receipt.id, "same")
        print(json.dumps([receipt.id, receipt.state, receipt.reason, receipt.words, receipt.existing]))

    children = [house.child(submit) for _ in range(10)]
    time.sleep(0.3)
    gate.touch()
    for child in children:
        child.good()
    answers = [json.loads(child.said()) for child in children]
    assert len({tuple(answer[:4]) for answer in answers}) == 1
    assert [answer[4] for answer in answers].count(False) == 1
    house.settle()
    at_rest(house)
    assert house.runs() == [(1, 0)]


def test_a_second_controller_ends_at_once_with_six(house: House):
    first = house.child(forever)
    eventually(lambda: holder(house) == first.pid, "the first has the lease")
    second = house.shanyrak("up", "--until-idle")
    assert second.wait() == 6
    assert len(second.said().splitlines()) == 1
    assert f"one is already running (pid {first.pid}" in second.said()
    assert holder(house) == first.pid
    first.kill(signal.SIGTERM)
    first.good()
    at_rest(house)


def test_one_in_another_container_is_not_taken_for_dead(house: House):
    """The same kernel and host name, pids of its own: it is left alone while it lives, and replaced when it is silent."""
    shanyrak = [sys.executable, "-P", "-m", "shanyrak", "-C", str(house.folder)]
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *shanyrak, "up"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as inside:
        assert inside.stderr
        try:
            line = inside.stderr.readline()
            if line.startswith("unshare:"):
                pytest.skip(f"pid namespaces cannot be made here: {line.strip()}")
            assert "the controller is up" in line
            second = house.shanyrak("up", "--until-idle")
            assert second.wait() == 6
            assert "one is already running (pid 1 on " in second.said()
            assert inside.poll() is None
        finally:
            inside.kill()

    def third(site: Site) -> None:
        lease.SILENCE_S = 1.0
        drain(site)

    house.child(third).good()
    at_rest(house)


@pytest.mark.parametrize("where", ["decide.before", "intent.after", "launch.before", "launch.after", "settle.before"])
def test_a_paused_controller_is_replaced_and_acts_no_more(house: House, scale, where: str):
    silence = scale.pick(1, 10)

    def first(site: Site) -> None:
        controller.LAUNCH_S = silence / 2
        for _ in range(3):
            house.acknowledge(site.submit(house.job("sleep 0.3")).id)
        real = points.reached

        def reached(point: str) -> None:
            if point == where:
                points.reached = real
                signal.raise_signal(signal.SIGSTOP)
            real(point)

        points.reached = reached
        drain(site)

    def second(site: Site) -> None:
        lease.SILENCE_S = silence
        drain(site)

    paused = house.child(first)
    eventually(lambda: _state(paused.pid) == "T", "the first is paused")
    house.child(second).good()
    site = house.open()
    seen = [event.seq for event in site.events()]
    site.close()
    if where in ("decide.before", "intent.after", "launch.before"):  # later the paused one itself keeps it there
        eventually(lambda: not lock.held(house.engine), "the keeper leaves: nothing in memory knows of what ran")
    paused.kill(signal.SIGCONT)
    assert paused.wait() != 0
    assert "another one has taken over" in paused.said()
    site = house.open()
    assert [event.seq for event in site.events()] == seen, "it acted after it was replaced"
    site.close()
    at_rest(house)
    assert Counter(house.runs()) == Counter([(1, 0), (2, 0), (3, 0)])


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_requests_while_a_controller_runs(house: House, scale):
    seconds = scale.pick(3, 30)
    controller = house.child(forever)

    def hammer(site: Site, seed: int) -> None:
        draw = random.Random(f"{scale.seed} {seed}")
        mine: list[int] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            what = draw.choices(("submit", "stop", "grant", "pull", "hold", "release", "pause"), (8, 3, 2, 1, 1, 2, 1))[
                0
            ]
            try:
                match what:
                    case "submit":
                        more = {"array": "0-2"} if draw.random() < 0.3 else {}
                        if mine and draw.random() < 0.2:
                            more["after"] = [draw.choice(mine)]
                        mine.append(site.submit(house.job(draw.choice(("true", "exit 1", "sleep 0.2")), **more)).id)
                        house.acknowledge(mine[-1])
                    case "stop" if mine:
                        site.stop(draw.choice(mine))
                    case "grant":
                        site.add_grant("p", 600, "cpu-second", until=site.journal.now() + draw.randint(50, 5000))
                    case "pull":
                        grants = [one["grant"] for one in site.grants() if one["state"] == "active"]
                        site.pull_grant(draw.choice(grants), 1 if draw.random() < 0.7 else None)
                    case "hold" | "release" if mine:
                        getattr(site, what)(draw.choice(mine))
                    case "pause":
                        site.pause(paused=True)
                        site.pause(paused=False)
            except Problem as problem:  # such as: it has ended, the grant is pulled already
                assert len(str(problem).splitlines()) == 1

    clients = [house.child(lambda site, n=n: hammer(site, n)) for n in range(4)]
    for client in clients:
        client.good()
    assert controller.poll() is None, controller.said()
    controller.kill(signal.SIGTERM)
    controller.good()
    site = house.open()
    site.add_grant("p", GRANT, "cpu-second")  # somebody may have pulled the first
    for row in site.ps(reasons=False):  # what lives may end at any time, but only a controller notices
        site.release(row["id"])
    sound(house, site)
    site.close()
    house.up().good(1200)  # what a long hammering left takes a while
    house.settle()
    at_rest(house)
    site = house.open()
    assert not site.ps(), "work is left although nothing keeps it"
    print(f"{len(site.events())} events, {len(site.ps(everything=True))} workloads in {seconds} s")
    site.close()
