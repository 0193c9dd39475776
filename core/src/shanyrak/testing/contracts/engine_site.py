"""A whole site on the engine, with real controllers that are killed: each job runs once and the account is exact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from shanyrak.api import Engine
from shanyrak.testing.engine_harness import EngineHarness
from shanyrak.testing.harness import deadline, eventually

pytestmark = pytest.mark.claim("sites")

SLOTS = 4
MINUTES = 5
POINTS = ("intent.after", "launch.before", "launch.after", "settle.before", "settle.after")
"""Where a controller dies: around the launch of work, and around what it writes down of it."""


class Town:
    """A workspace with one pool on the engine and a project with a grant; work in it is named."""

    def __init__(self, harness: EngineHarness) -> None:
        from shanyrak.config.commons import Commons
        from shanyrak.control.site import Site

        self.harness, self.folder = harness, harness.folder / "site"
        self.ids: dict[str, int] = {}
        self.started: list[subprocess.Popen[bytes]] = []
        pool, settings = harness.facility()
        data = {
            "pools": [pool],
            "policy": {"active": "kernel", "margin": "0s"},
            "plugins": {harness.plugin: dict(settings)},
        }
        self.site = Site.create(self.folder, Commons.model_validate(data))
        self.site.add_project("p", "startup", "an organisation")
        self.site.add_grant("p", 1_000_000, f"{pool['unit']}-second")
        self.engine: Engine = self.site.engine(0)

    def submit(self, name: str, **spec: Any) -> None:
        """Work that runs until `let`."""
        asked = {"project": "p", "name": name.partition("{")[0], "command": list(self.harness.command(name)), "walltime": "1h",
                 "mem": "256M", "cwd": str(self.harness.work), **spec}  # fmt: skip
        self.ids[name] = self.site.submit(asked).id

    def controller(self, crash_at: str = "") -> subprocess.Popen[bytes]:
        """A controller in a process of its own, which goes when nothing is left to do, or is killed at `point:n`."""
        with (self.harness.folder / "controllers.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "shanyrak", "-C", str(self.folder), "up", "--until-idle"],
                env={**os.environ, "SHANYRAK_CRASH_AT": crash_at}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.started.append(process)
        return process

    def ends(self, process: subprocess.Popen[bytes]) -> int:
        """The exit code of a controller, waited for."""
        until = deadline()
        while process.poll() is None:
            assert time.monotonic() < until, f"the controller goes on: {self.said()}"
            time.sleep(0.05)
        return process.returncode

    def said(self) -> str:
        """What the controllers have said."""
        return (self.harness.folder / "controllers.log").read_text()

    def state(self, name: str) -> str:
        """The state of a workload and its reason, as `state/reason`."""
        row = self.site.workload(self.ids[name])
        return f"{row['state']}/{row['reason']}"

    def attempts(self, name: str) -> list[tuple[int, int, int]]:
        """(task, try, ms that it ran) of each attempt, in order."""
        with self.site.journal.read() as rows:
            return rows.all("SELECT task, try, ran FROM attempt WHERE workload = ? ORDER BY id", (self.ids[name],))

    def let(self, name: str, exit_code: int = 0) -> None:
        """Work of that name ends, which was started once."""
        self.once(name)
        self.harness.let(self.engine, name, exit_code)

    def once(self, *names: str) -> None:
        """Each was started once."""
        for name in names:
            times = self.harness.begun(self.engine, name)
            assert times == 1, f"{name} was started {times} times"

    def exact(self) -> None:
        """Nothing can be proved wrong of the journal; what ran is what was charged, to the second, and nothing is held."""
        from shanyrak.control.proofs import verify_store

        assert [fault for proof in verify_store(self.site.journal.store) for fault in proof["faults"]] == []
        with self.site.journal.read() as rows:
            ran = rows.all("SELECT a.ran, w.width * w.units FROM attempt a JOIN workload w ON w.id = a.workload")
            charged = rows.one("SELECT COALESCE(SUM(amount), 0) FROM charge")
        assert charged == (sum(-(-units * ms // 1000) for ms, units in ran),)
        (grant,) = self.site.grants("p")
        assert grant["held"] == 0 and grant["issued"] == grant["used"] + grant["left"]

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
        with self.site.journal.read() as rows:
            tokens = [token for (token,) in rows.all("SELECT token FROM attempt")]
        self.engine.stop(tokens)
        for token in tokens:
            self.harness.ended(self.engine, token)
        self.engine.close()
        self.site.close()


@pytest.fixture
def town(harness: EngineHarness) -> Iterator[Town]:
    made = Town(harness)
    yield made
    made.close()


def test_a_day_with_a_killed_controller_is_adopted_and_exact(town: Town) -> None:
    """Work that runs, fails, waits and is stopped, before and after: one attempt each, and each end as it was."""
    for name in ("good", "bad", "stopped"):
        town.submit(name)
    town.submit("wide", cpus=SLOTS)
    town.submit("never", cpus=SLOTS)
    first = town.controller()
    town.once("good", "bad", "stopped")
    eventually(lambda: town.state("stopped") == "running/running", "what runs is on record")
    first.send_signal(signal.SIGKILL)
    first.wait()
    town.let("bad", 3)
    for name in ("stopped", "never"):
        town.site.stop(town.ids[name])
    second = town.controller()
    eventually(lambda: town.state("bad").partition("/")[0] != "running", "its end while nobody looked is known")
    town.site.stop(town.ids["bad"])
    town.let("good")
    town.let("wide", 0)
    assert town.ends(second) == 0, town.said()
    states = {name: town.state(name) for name in town.ids}
    assert states["good"] == states["wide"] == "done/ok"
    assert states["bad"] == "failed/exit", "stopping what has ended changes nothing"
    assert states["stopped"].startswith("cancelled/") and states["never"].startswith("cancelled/")
    assert [len(town.attempts(name)) for name in town.ids] == [1, 1, 1, 1, 0]
    assert town.harness.never_begun(town.engine, "never")
    assert town.harness.processes("stopped") == 0
    town.exact()


@pytest.mark.parametrize("point", POINTS)
def test_a_controller_killed_around_a_launch_starts_it_once(town: Town, point: str) -> None:
    town.submit("one")
    assert town.ends(town.controller(f"{point}:1")) == -signal.SIGKILL, town.said()
    second = town.controller()
    town.let("one", 4)
    assert town.ends(second) == 0, town.said()
    town.once("one")
    assert town.state("one") == "failed/exit", f"one is {town.state('one')}"
    assert [attempt[:2] for attempt in town.attempts("one")] == [(0, 1)]
    town.exact()


@pytest.mark.claim("arrays")
def test_an_array_whose_controller_is_killed_runs_each_task_once(town: Town) -> None:
    """Killed when the engine has taken it and nothing of that is on record."""
    town.submit("a{task}", array="0-5")
    assert town.ends(town.controller("launch.after:1")) == -signal.SIGKILL, town.said()
    second = town.controller()
    for task in range(6):
        town.let(f"a{task}", 3 if task == 4 else 0)
    assert town.ends(second) == 0, town.said()
    assert town.state("a{task}").startswith("failed/")
    assert [attempt[:2] for attempt in town.attempts("a{task}")] == [(task, 1) for task in range(6)]
    town.once(*(f"a{task}" for task in range(6)))
    town.exact()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("hangs", marks=pytest.mark.claim("hang")),
        pytest.param("is dead", marks=[pytest.mark.claim("daemon"), pytest.mark.claim("survives")]),
    ],
)
def test_out_of_reach_for_minutes_nothing_is_concluded(town: Town, how: str) -> None:
    """Nothing is launched again, nothing has failed, what came meanwhile is not lost, and the order is kept."""
    from shanyrak.control.site import Site
    from shanyrak.journal.clock import Clock

    late = 0
    clock = Clock(lambda: time.time_ns() // 1_000_000 + late, lambda: time.monotonic_ns() // 1_000_000 + late)
    with closing(Site.open(town.folder, clock=clock)) as own, closing(own.controller()) as controller:

        def rounds(until: str, holds: Any) -> None:
            end = deadline()
            while not holds():
                assert time.monotonic() < end, f"never happened: {until}"
                if not controller.step():
                    time.sleep(0.05)

        for name in ("first", "second", "third"):
            town.submit(name, cpus=SLOTS)
        rounds("the first runs", lambda: town.state("first") == "running/running" and _begun(town, "first"))
        town.harness.safe(town.engine)
        with _away(town, how):
            town.submit("fourth", cpus=SLOTS)
            town.let("first", 0)
            end = deadline()
            while late < MINUTES * 60_000:
                assert time.monotonic() < end, "a controller that waits for its engine for ever"
                late += 10_000
                controller.step()
                time.sleep(0.1)  # an engine that did not answer is left alone for a second: it is asked several times
            states = [town.state(name).partition("/")[0] for name in ("first", "second", "third", "fourth")]
            if town.harness.knows_ends:
                assert states == ["done", "starting", "queued", "queued"], f"{states}, as one has ended"
            else:
                assert states == ["running", "queued", "queued", "queued"], f"{states} while nobody could say so"
            assert [len(town.attempts(name)) for name in town.ids] == [1, int(town.harness.knows_ends), 0, 0]
        for name in ("first", "second", "third", "fourth"):
            rounds(f"the {name} begins", lambda name=name: _begun(town, name))
            later = [other for other in town.ids if town.ids[other] > town.ids[name]]
            assert [other for other in later if _begun(town, other)] == [], "the order is kept"
            if name != "first":
                town.let(name)
            rounds(f"the {name} is done", lambda name=name: town.state(name) == "done/ok")
    assert [len(town.attempts(name)) for name in town.ids] == [1, 1, 1, 1]
    town.once(*town.ids)
    town.exact()


@contextmanager
def _away(town: Town, how: str) -> Iterator[None]:
    """The engine cannot be reached while the block runs."""
    harness, engine = town.harness, town.engine
    leave, come = (
        (harness.hang_daemon, harness.resume_daemon) if how == "hangs" else (harness.kill_daemon, harness.begin_daemon)
    )
    leave(engine)
    try:
        yield
    finally:
        come(engine)


def _begun(town: Town, name: str) -> bool:
    return not town.harness.never_begun(town.engine, name)
