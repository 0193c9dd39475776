"""The controller's rounds: the full path, arrays, restarts at any point, plugins that watch."""

from pathlib import Path
from typing import Any

import pytest
from shanyrak.plugins.discovery import find
from shanyrak.testing.distribution import write_plugin
from shanyrak.testing.fakes import Bench, settle


def test_the_full_path_is_these_events(bench: Bench) -> None:
    bench.run()
    before = len(bench.types())
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
        assert controller.idle()
    assert bench.types(before) == [
        "lease.taken", "attempt.intent", "decision.made", "attempt.launched", "attempt.started", "attempt.ended",
        "lease.left",
    ]  # fmt: skip
    assert bench.engine().forgotten == bench.engine().starts


def test_rounds_that_change_nothing_write_nothing(bench: Bench) -> None:
    bench.run(cpus=4, width=2)
    bench.run(cpus=4)
    with bench.controller() as controller:
        settle(controller)
        count = len(bench.types())
        for _ in range(5):
            bench.clock.advance(500)
            controller.step()
        assert len(bench.types()) == count


def test_a_policy_that_has_become_active_decides_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the core has decided in its place is decided anew, also when nothing happens."""
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        asked: list[int] = []
        decide = controller.decider.decide
        monkeypatch.setattr(controller.decider, "decide", lambda *given: asked.append(1) or decide(*given))
        controller.step()
        assert not asked
        active = iter([True])
        monkeypatch.setattr(controller.decider, "tend", lambda: next(active, False))
        controller.step()
        controller.step()
        assert len(asked) == 1


def test_an_array_runs_as_many_at_once_as_it_allows(bench: Bench) -> None:
    bench.run(array="5,10-12%2")
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        tasks = [5, 10, 11, 12]
        for number in range(4):
            assert len(engine.live()) == min(2, 4 - number)
            token = engine.starts[number]
            assert engine.runs[token].launch.task == tasks[number]
            assert bench.state(1) == "running/running"
            engine.finish(token, exit_code=int(number == 1))
            settle(controller)
        assert bench.state(1) == "failed/exit", "failed if one failed, and by its reason"
    row = bench.site.ps(True)[0]
    assert row["tasks"] == {"total": 4, "waiting": 0, "running": 0, "done": 3, "failed": 1, "lost": 0, "dropped": 0}
    assert row["exit_code"] == 1


def test_tasks_started_together_are_one_bundle(bench: Bench) -> None:
    bench.run(array="0-7")
    with bench.controller() as controller:
        settle(controller)
    launches = [run.launch for run in bench.engine().runs.values()]
    assert len(launches) == 8 and len({launch.bundle for launch in launches}) == 1
    assert len({launch.token for launch in launches}) == 8


def test_one_task_is_tried_again_alone(bench: Bench) -> None:
    bench.run(array="0-2")
    engine = bench.engine()
    with bench.controller() as controller:
        settle(controller)
        engine.finish(engine.starts[1], cause="node", fenced=True)
        settle(controller)
        bench.clock.advance(1_000)
        settle(controller)
        assert len(engine.starts) == 4 and engine.runs[engine.starts[3]].launch.task == 1
        for token in engine.live():
            engine.finish(token)
        settle(controller)
    assert bench.state(1) == "done/ok"
    assert [a["try"] for a in bench.site.workload(1)["attempts"]] == [1, 1, 1, 2]


def test_stopping_an_array_drops_what_waits_and_stops_what_runs(bench: Bench) -> None:
    bench.run(array="0-9%2")
    with bench.controller() as controller:
        settle(controller)
        bench.engine().finish(bench.engine().starts[0])
        settle(controller)
        bench.site.stop(1)
        settle(controller)
    tasks = bench.site.ps(True)[0]["tasks"]
    assert bench.state(1) == "cancelled/stopped"
    assert (tasks["done"], tasks["dropped"], tasks["waiting"], tasks["running"]) == (1, 9, 0, 0)


def test_a_gang_takes_distinct_nodes(bench: Bench) -> None:
    bench.run(width=2, cpus=3)
    with bench.controller() as controller:
        settle(controller)
    (run,) = bench.engine().runs.values()
    assert sorted(run.launch.nodes) == [("cpu-0", 3), ("cpu-1", 3)]


@pytest.mark.parametrize("verb", ["launch", "observe", "forget", "nodes"])
def test_a_controller_that_dies_in_a_call_is_followed_by_one_that_goes_on(bench: Bench, verb: str) -> None:
    """KeyboardInterrupt goes through all: as if the process had been killed there; only the lease is given back."""
    bench.run(array="0-3")
    engine = bench.engine()
    for life in range(6):
        with bench.controller() as controller:
            try:
                if life < 4:
                    engine.fail(verb, KeyboardInterrupt())
                settle(controller)
                for token in engine.live():
                    engine.finish(token)
                settle(controller)
            except KeyboardInterrupt:
                controller._answers.clear()
            finally:
                engine.mend()
    assert bench.state(1) == "done/ok"
    assert sorted(engine.starts) == sorted(set(engine.starts)), "nothing was started twice"
    assert bench.types().count("attempt.ended") == 4


def test_a_second_recovery_changes_nothing(bench: Bench) -> None:
    bench.run(array="0-1")
    with bench.controller() as controller:
        settle(controller)
    kinds = {"lease.taken", "lease.left"}
    with bench.controller() as controller:
        settle(controller)
    count = [t for t in bench.types() if t not in kinds]
    with bench.controller() as controller:
        settle(controller)
    assert [t for t in bench.types() if t not in kinds] == count
    assert len(bench.engine().starts) == 2


def test_what_ended_while_nobody_looked_keeps_its_true_end(bench: Bench) -> None:
    bench.run()
    with bench.controller() as controller:
        settle(controller)
    bench.clock.advance(4_000)
    bench.engine().finish(bench.engine().starts[0], exit_code=5)
    ended = bench.clock.wall
    bench.clock.advance(3_600_000)
    with bench.controller() as controller:
        settle(controller)
    row = bench.site.ps(True)[0]
    assert (row["state"], row["ended"], row["exit_code"]) == ("failed", ended, 5)
    assert bench.site.account()["units"]["cpu-second"]["used"] == 4


def test_a_request_between_plan_and_act_makes_the_plan_anew(bench: Bench) -> None:
    bench.run()
    with bench.controller() as controller:
        decide, site = controller.decider.decide, bench.site
        held: list[int] = []

        def hold_meanwhile(view: Any, carry: Any) -> Any:
            outcome = decide(view, carry)
            if not held:
                held.append(1)
                site.hold(1)
            return outcome

        controller.decider.decide = hold_meanwhile  # type: ignore[method-assign]
        settle(controller)
        assert held and bench.engine().starts == []
        assert "attempt.intent" not in bench.types()


def test_a_step_of_the_clock_is_an_event_and_harms_nothing(bench: Bench) -> None:
    bench.run()
    with bench.controller() as controller:
        settle(controller)
        for step in (-3_600_000, 86_400_000):
            bench.clock.step(step)
            bench.clock.advance(1_000)
            bench.run()
            settle(controller)
        times = [event.time for event in bench.site.events()]
    assert times == sorted(times)
    steps = [e.data()["by"] for e in bench.site.events() if e.type == "clock.stepped"]
    assert steps == [-3_600_000, 86_400_000]
    assert [bench.state(n) for n in (1, 2, 3)] == ["failed/walltime", "failed/walltime", "running/running"]


def test_until_idle_returns_and_waits_for_a_pause(bench: Bench) -> None:
    bench.engine().lasts = lambda launch: 2_000
    bench.engine().refuse("busy")
    bench.run()
    bench.run(after=[1])
    bench.site.hold(bench.run().id)
    with bench.controller() as controller:
        wait = controller.engines.wait

        def waited(live: Any, timeout_s: float) -> None:
            bench.clock.advance(100)
            wait(live, 0)

        controller.engines.wait = waited  # type: ignore[method-assign]
        rounds = [0]

        def tick() -> None:
            rounds[0] += 1
            assert rounds[0] < 500, "it does not come to an end"

        controller.run(lambda: False, until_idle=True, tick=tick)
    assert [bench.state(n) for n in (1, 2, 3)] == ["done/ok", "done/ok", "queued/waiting"]


WATCHING = """
import json, os
@hookimpl
def shanyrak_on_event(event):
    with open(os.environ['SEEN_BY_TEST'], 'a') as file:
        file.write(json.dumps([event['seq'], event['type']]) + chr(10))
    if event['type'] == 'attempt.started':
        raise RuntimeError('no')
"""


def test_observers_see_every_event_in_order_at_least_once(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    (folder := tmp_path / "plugins").mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("SEEN_BY_TEST", str(tmp_path / "seen"))
    monkeypatch.setattr("shanyrak.control.observers.BATCH", 3)
    write_plugin(folder, "watching", WATCHING)
    bench = make(finders=[lambda: find([str(folder)])])
    bench.fund("p")

    def seen() -> list[list[Any]]:
        return [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]

    bench.run()
    with bench.controller() as controller:
        settle(controller)
        expected = [[e.seq, e.type] for e in bench.site.events()]
        assert seen() == expected, "each once, in order, those before the controller too, whatever the plugin raises"
    with bench.controller() as controller:
        settle(controller)
        assert seen() == [[e.seq, e.type] for e in bench.site.events()], "the cursor survives"
    with bench.site.journal.store.write() as rows:
        rows.run(
            "UPDATE pulse SET value = value - 2 WHERE name = 'observed'"
        )  # as after a crash before the cursor moved
    with bench.controller() as controller:
        settle(controller)
        assert {tuple(one) for one in seen()} == {(e.seq, e.type) for e in bench.site.events()}
        assert len(seen()) == len(bench.types()) + 2
