"""Preemption: what a plan stops ends on its engine, is charged, and waits again; what it is stopped for runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from shanyrak.control.controller import Controller
from shanyrak.control.feed import Feed
from shanyrak.errors import EngineProblem
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import Bench, settle

SOURCE = """
@hookimpl
def shanyrak_policies():
    return [Policy('urgent', 'Services stop what has a lesser guard.', '1', stages='x_urgent_policy:stages')]
"""
POLICY = """
from shanyrak.policy.stages import Stages

def stages(view, params):
    rank = view.job_class.copy()
    return Stages(keys=(-rank,), claim=rank, guard=rank)
"""
URGENT = {"class": "service"}
WHOLE = {"cpus": 4, "width": 2}
AWAY = EngineProblem("the engine", "it does not answer")
Make = Callable[..., Bench]


@pytest.fixture
def urgent(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Two nodes of four CPUs under a policy in which services stop batch work."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    write_plugin(folder, "urgent", SOURCE, more={"x_urgent_policy": POLICY})
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("SHANYRAK_COMPILED", "0")
    tables = {
        "policy": {"active": "urgent", "margin": "0s", "deadline": "60s"},
        "classes": {"batch": {"promise": "never"}, "service": {"promise": "never"}},  # a promise keeps others off
    }
    bench = make(finders=[lambda: find([str(folder)])], tables=tables)
    bench.fund("p")
    return bench


@contextmanager
def contended(bench: Bench, stop: Exception | Callable[[], None] | None = None, **asked: Any) -> Iterator[Controller]:
    """Workload 1 has the whole machine, then workload 2, a service, asks for it; `stop`: what comes of telling the engine."""
    bench.run(**WHOLE, **asked)
    with bench.controller() as controller:
        settle(controller)
        if stop:
            bench.engine().fail("stop", stop)
        bench.run(**WHOLE, **URGENT)
        settle(controller)
        yield controller


def attempts(bench: Bench, id_: int) -> list[tuple[Any, ...]]:
    return [(a["task"], a["try"], a["cause"], a["ran_ms"]) for a in bench.site.workload(id_)["attempts"]]


def test_what_is_stopped_is_charged_and_waits_again_in_its_place(urgent: Bench) -> None:
    urgent.run(**WHOLE, retry={"tries": 1})
    with urgent.controller() as controller:
        settle(controller)
        urgent.run(**WHOLE)
        settle(controller)
        urgent.clock.advance(3_000)
        before = len(urgent.types())
        urgent.run(**WHOLE, **URGENT)
        settle(controller)
        assert [urgent.state(n) for n in (1, 2, 3)] == ["queued/preempted", "queued/waiting", "running/running"]
        assert [t for t in urgent.types(before) if not t.startswith("promise")] == [
            "workload.submitted", "attempt.preempted", "decision.made", "attempt.ended", "attempt.intent",
            "decision.made", "attempt.launched", "attempt.started",
        ]  # fmt: skip
        assert attempts(urgent, 1) == [(0, 1, "preempted", 3_000)]
        assert urgent.site.account()["units"]["cpu-second"]["used"] == 24
        assert urgent.site.why(1)["preemption"][0].endswith(
            " for workload 3, whose claim 1 is above its guard 0; it keeps its place in line and has lost no try"
        )
        assert urgent.site.eta(1)["kind"] == "estimate" and urgent.site.eta(1)["start"] == urgent.clock.wall + 60_000
        engine = urgent.engine()
        engine.finish(engine.starts[1])
        settle(controller)
        assert [urgent.state(n) for n in (1, 2)] == ["running/running", "queued/waiting"], "the first in line is first"
        engine.finish(engine.starts[2], cause="node", fenced=True)
        settle(controller)
    assert urgent.state(1) == "failed/tries", "only what the infrastructure took counts as a try"


def test_while_it_is_being_stopped_both_are_told(urgent: Bench) -> None:
    with contended(urgent, AWAY) as controller:
        assert urgent.state(1) == "stopping/preempted"
        assert urgent.site.why(1)["words"] == "is being stopped for workload 2"
        assert urgent.site.why(1)["preemption"][0].startswith(
            "attempt 1 is being stopped for workload 2, whose claim 1"
        )
        assert urgent.site.why(2)["preemption"] == ["being stopped for it: 1 attempt(s) of workload 1"]
        before = len(urgent.types())
        settle(controller)
        assert urgent.types(before) == [], "it is stopped once, whoever asks again"
        assert urgent.site.eta(2)["start"] == urgent.clock.wall + 1, "as soon as that has stopped"
        view = controller.feed.mirror.view(0, 0)
        assert view.run_stop.tolist() == [2]
    urgent.engine().mend()
    urgent.clock.advance(1_000)
    with urgent.controller() as controller:  # as after a crash between the event and the engine
        settle(controller)
    assert [urgent.state(1), urgent.state(2)] == ["queued/preempted", "running/running"]


def test_what_runs_under_a_guard_is_left_alone(urgent: Bench) -> None:
    with contended(urgent, **URGENT), urgent.site.journal.read() as rows:
        assert Feed(rows).mirror.view(0, 0).run_guard.tolist() == [1], "the guard is kept over a restart"
    assert [urgent.state(1), urgent.state(2)] == ["running/running", "queued/waiting"]


@pytest.mark.parametrize("asked", [{"min_runtime": "20s"}, {"checkpoint_every": "20s", "min_runtime": "5s"}])
def test_not_before_its_safe_point(urgent: Bench, asked: dict[str, str]) -> None:
    with contended(urgent, **asked) as controller:
        urgent.clock.advance(19_000)
        settle(controller)
        assert urgent.state(1) == "running/running"
        urgent.clock.advance(1_500)
        settle(controller)
        assert [urgent.state(1), urgent.state(2)] == ["queued/preempted", "running/running"]


def test_a_safe_point_counts_from_the_true_start(urgent: Bench) -> None:
    urgent.run(min_runtime="20s")
    with urgent.controller() as controller:
        controller.step()
        start = urgent.engine().runs[urgent.engine().starts[0]]
        object.__setattr__(start.seen, "started_ms", urgent.clock.wall + 7_000)
        settle(controller)
        followed = controller.feed.mirror.view(0, 0).run_safe.tolist()
    with urgent.site.journal.read() as rows:
        assert followed == Feed(rows).mirror.view(0, 0).run_safe.tolist() == [urgent.clock.wall + 27_000]


def test_a_safe_point_has_a_limit(make: Make) -> None:
    bench = make(tables={"policy": {"active": "kernel", "undisturbed": "10m"}})
    bench.fund("p")
    receipt = bench.run(min_runtime="1h", checkpoint_every="11m")
    assert (receipt.state, receipt.reason) == ("refused", "undisturbed")
    assert receipt.words == "it asks to run 1h before it may be stopped for other work; this site allows 10m"
    assert receipt.nearest == "the same with --checkpoint-every 10m"
    assert bench.run(min_runtime="1h").nearest == "the same with --min-runtime 10m"
    assert bench.run(min_runtime="10m", checkpoint_every="1m").state == "queued"


def test_an_array_runs_on_while_some_of_its_tasks_are_stopped(urgent: Bench) -> None:
    urgent.run(array="0-7")
    with urgent.controller() as controller:
        settle(controller)
        urgent.engine().fail("stop", AWAY)
        urgent.run(cpus=3, **URGENT)
        settle(controller)
        assert urgent.state(1) == "running/running"
        assert urgent.types().count("attempt.preempted") == 3
        urgent.engine().mend()
        urgent.clock.advance(1_000)
        settle(controller)
        row = urgent.site.ps(True)[0]
        assert (row["state"], row["tasks"]["waiting"], urgent.state(2)) == ("running", 3, "running/running")
        for token in urgent.engine().live():
            urgent.engine().finish(token)
        settle(controller)
        for token in urgent.engine().live():
            urgent.engine().finish(token)
        settle(controller)
    assert urgent.state(1) == "done/ok"


def test_what_ends_first_wins(urgent: Bench) -> None:
    engine = urgent.engine()
    with contended(urgent, lambda: engine.finish(engine.starts[0])):
        pass
    assert [urgent.state(1), urgent.state(2)] == ["done/ok", "running/running"]


def test_a_person_may_stop_what_is_being_stopped(urgent: Bench) -> None:
    with contended(urgent, AWAY) as controller:
        assert urgent.site.stop(1) == "stopping"
        assert urgent.site.stop(1) == "stopping", "once is enough"
        assert urgent.types().count("workload.stopped") == 1
        urgent.engine().mend()
        urgent.clock.advance(1_000)
        settle(controller)
    assert [urgent.state(1), urgent.state(2)] == ["cancelled/stopped", "running/running"]


def test_one_that_its_engine_has_not_taken_yet_waits_again_too(urgent: Bench) -> None:
    urgent.run(**WHOLE)
    urgent.engine().fail("launch", AWAY)
    with urgent.controller() as controller:
        settle(controller)
        urgent.run(**WHOLE, **URGENT)
        controller.step()
        urgent.engine().mend()
        urgent.clock.advance(1_000)
        settle(controller)
        assert [urgent.state(1), urgent.state(2)] == ["queued/preempted", "running/running"]
        assert attempts(urgent, 1) == [(0, 1, "preempted", 0)]
    assert urgent.engine().starts == [urgent.site.workload(2)["attempts"][0]["token"]]


def test_a_node_that_is_lost_meanwhile_costs_no_try(urgent: Bench) -> None:
    engine = urgent.engine()
    with contended(urgent, lambda: engine.finish(engine.starts[0], cause="node", fenced=True), retry={"tries": 1}):
        pass
    assert urgent.state(1) == "queued/preempted"


def test_nobody_can_say_that_it_is_dead(urgent: Bench) -> None:
    engine = urgent.engine()
    with contended(urgent, lambda: engine.vanish(engine.starts[0])):
        pass
    assert urgent.state(1) == "lost/unfenced", "what may still run is never run again"
